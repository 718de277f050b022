//! `_core.index.SearchRun`.

use std::sync::Arc;

use lightmail_index::search::{Scores, SearchContext, SearchError, SearchRun};
use lightmail_mime::collation::Collation;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{detached, for_octets, guarded};
use crate::imap_arguments::SearchProgram;
use crate::index_fetch::PySummaryCache;
use crate::index_order::PyUidList;
use crate::index_set::PyUidSet;
use crate::index_snapshot::{bad_set, bounded, PySnapshot};
use crate::octets::Octets;

create_exception!(
    lightmail._core.index,
    BadCharset,
    PyValueError,
    "NO [BADCHARSET (...)]."
);

/// By its identifier (RFC 4790).
pub fn collation_of(name: &str) -> PyResult<Collation> {
    Collation::named(name).ok_or_else(|| PyValueError::new_err("no such collation"))
}

/// One SEARCH under way.
#[pyclass(name = "SearchRun", module = "lightmail._core.index")]
pub struct PySearchRun {
    run: SearchRun,
}

#[pymethods]
impl PySearchRun {
    #[new]
    #[pyo3(signature = (program, view, *, saved, recent_from, now_s = None, within = None, collation = "i;unicode-casemap"))]
    fn new(
        program: &Bound<'_, SearchProgram>,
        view: &Bound<'_, PySnapshot>,
        saved: Option<&Bound<'_, PyUidSet>>,
        recent_from: u64,
        now_s: Option<i64>,
        within: Option<&Bound<'_, PyUidSet>>,
        collation: &str,
    ) -> PyResult<Self> {
        let context = SearchContext {
            saved: saved.map(|saved| Arc::clone(&saved.get().set)),
            recent_from: bounded(recent_from),
            now_s,
            within: within.map(|within| Arc::clone(&within.get().set)),
            collation: collation_of(collation)?,
        };
        let view = Arc::clone(&view.get().snapshot);
        let run = guarded(|| SearchRun::new(&program.get().program, view, &context))?;
        run.map(|run| Self { run })
            .map_err(|problem| match problem {
                SearchError::BadCharset => BadCharset::new_err(problem.to_string()),
                SearchError::BadSet(problem) => bad_set(problem),
                SearchError::NoTime | SearchError::Filter => {
                    PyValueError::new_err(problem.to_string())
                }
            })
    }

    fn missing_summaries(
        &self,
        cache: &Bound<'_, PySummaryCache>,
        messages: usize,
    ) -> PyResult<Vec<u64>> {
        guarded(|| self.run.missing_summaries(&cache.get().lock(), messages))
    }

    #[pyo3(signature = (cache, messages = None))]
    fn use_summaries(
        &mut self,
        py: Python<'_>,
        cache: &Bound<'_, PySummaryCache>,
        messages: Option<usize>,
    ) -> PyResult<()> {
        let (run, cache) = (&mut self.run, cache.get());
        match messages {
            None => guarded(|| run.use_summaries(&mut cache.lock(), usize::MAX)),
            Some(messages) => detached(py, || run.use_summaries(&mut cache.lock(), messages)),
        }
    }

    fn wanted_bodies(&mut self, messages: usize) -> PyResult<Vec<(u64, u64)>> {
        guarded(|| self.run.wanted_bodies(messages))
    }

    fn use_bodies(
        &mut self,
        py: Python<'_>,
        cache: &Bound<'_, PySummaryCache>,
        bodies: Vec<(u64, Octets)>,
    ) -> PyResult<()> {
        let octets = bodies.iter().map(|(_, raw)| raw.len()).sum();
        let cache = cache.get();
        for_octets(py, octets, || {
            for (id, raw) in &bodies {
                // Locked for the table alone, not for the scan.
                let parts = cache.lock().get(*id).and_then(|known| known.parts().ok());
                self.run.use_body(*id, raw, parts);
            }
        })
    }

    #[getter]
    fn pending(&self) -> usize {
        self.run.pending()
    }

    #[getter]
    fn done(&self) -> bool {
        self.run.done()
    }

    fn scores(&self) -> PyResult<PyScores> {
        guarded(|| self.run.scores())?
            .map(|scores| PyScores { scores })
            .ok_or_else(|| PyRuntimeError::new_err("the search is not done, or not fuzzy"))
    }

    fn result(&self) -> PyResult<PyUidSet> {
        let result = guarded(|| self.run.result())?;
        result
            .map(PyUidSet::from)
            .ok_or_else(|| PyRuntimeError::new_err("the search is not done"))
    }
}

/// How well messages match.
#[pyclass(frozen, name = "Scores", module = "lightmail._core.index")]
pub struct PyScores {
    pub scores: Scores,
}

/// UIDs whose scores are asked for.
#[derive(FromPyObject)]
enum Uids<'py> {
    Set(Bound<'py, PyUidSet>),
    List(Bound<'py, PyUidList>),
}

#[pymethods]
impl PyScores {
    fn of<'py>(&self, py: Python<'py>, uids: Uids<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        guarded(|| match uids {
            Uids::Set(uids) => self.scores.write(uids.get().set.iter(), &mut out),
            Uids::List(uids) => {
                let numbers = uids.get().list.numbers().iter();
                self.scores.write(numbers.copied(), &mut out);
            }
        })?;
        Ok(PyBytes::new(py, &out))
    }
}
