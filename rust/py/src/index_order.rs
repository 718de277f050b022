//! `_core.index.KeyCache`, `OrderRun`, `UidList`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lightmail_imap::command::ThreadAlgorithm;
use lightmail_index::order::{Gathered, KeyCache, Keys, UidList};
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::error::{detached, guarded};
use crate::imap_arguments::SortOrder;
use crate::index_fetch::PySummaryCache;
use crate::index_search::{collation_of, PyScores};
use crate::index_set::{window, PyUidSet};
use crate::index_snapshot::PySnapshot;

/// Of headers that keys are made of, copied in one go.
const HEADERS_AT_ONCE_OCTETS: usize = 4 << 20;
/// From how many messages on ordering them is worth releasing the GIL.
const DETACH_MESSAGES: usize = 512;

/// Keys by body id.
#[pyclass(frozen, name = "KeyCache", module = "lightmail._core.index")]
pub struct PyKeyCache {
    cache: Mutex<KeyCache>,
}

impl PyKeyCache {
    fn lock(&self) -> MutexGuard<'_, KeyCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyKeyCache {
    #[new]
    fn new(max_octets: usize) -> Self {
        Self {
            cache: Mutex::new(KeyCache::new(max_octets)),
        }
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    #[getter]
    fn octets(&self) -> usize {
        self.lock().octets()
    }
}

/// Messages to be ordered.
#[pyclass(name = "OrderRun", module = "lightmail._core.index")]
pub struct PyOrderRun {
    run: Gathered,
}

#[pymethods]
impl PyOrderRun {
    #[new]
    #[pyo3(signature = (view, found, *, with_keys, collation = "i;unicode-casemap"))]
    fn new(
        view: &Bound<'_, PySnapshot>,
        found: &Bound<'_, PyUidSet>,
        with_keys: bool,
        collation: &str,
    ) -> PyResult<Self> {
        let (view, found) = (&view.get().snapshot, &found.get().set);
        let collation = collation_of(collation)?;
        let run = guarded(|| Gathered::new(view, found, with_keys, collation))?;
        Ok(Self { run })
    }

    fn __len__(&self) -> usize {
        self.run.len()
    }

    #[getter]
    fn done(&self) -> bool {
        self.run.done()
    }

    fn use_keys(&mut self, keys: &Bound<'_, PyKeyCache>) -> PyResult<()> {
        guarded(|| self.run.use_keys(&mut keys.get().lock()))
    }

    fn missing_summaries(
        &self,
        summaries: &Bound<'_, PySummaryCache>,
        messages: usize,
    ) -> PyResult<Vec<u64>> {
        guarded(|| {
            self.run
                .missing_summaries(&summaries.get().lock(), messages)
        })
    }

    fn use_summaries(
        &mut self,
        py: Python<'_>,
        summaries: &Bound<'_, PySummaryCache>,
        keys: &Bound<'_, PyKeyCache>,
    ) -> PyResult<()> {
        let (summaries, keys) = (summaries.get(), keys.get());
        let run = &mut self.run;
        let work = || loop {
            let headers = run.waiting_headers(&mut summaries.lock(), HEADERS_AT_ONCE_OCTETS);
            if headers.is_empty() {
                return;
            }
            let made = headers
                .iter()
                .map(|(body_id, header)| (*body_id, Arc::new(Keys::new(header, run.collation()))));
            run.take(made.collect(), &mut keys.lock());
        };
        detached(py, work)
    }

    #[pyo3(signature = (order, scores = None, descending = false))]
    fn sort(
        &self,
        py: Python<'_>,
        order: &Bound<'_, SortOrder>,
        scores: Option<&Bound<'_, PyScores>>,
        descending: bool,
    ) -> PyResult<PyUidList> {
        let criteria = &order.get().criteria;
        let scores = scores.map(|scores| &scores.get().scores);
        let sorted = if self.run.len() < DETACH_MESSAGES {
            guarded(|| self.run.sort(criteria, scores, descending))?
        } else {
            detached(py, || self.run.sort(criteria, scores, descending))?
        };
        let list = sorted.ok_or_else(|| PyRuntimeError::new_err("keys or scores are missing"))?;
        Ok(PyUidList { list })
    }

    #[pyo3(signature = (algorithm, numbers = None))]
    fn thread<'py>(
        &self,
        py: Python<'py>,
        algorithm: &str,
        numbers: Option<&Bound<'py, PySnapshot>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let algorithm = algorithm_of(algorithm)?;
        let numbers = numbers.map(|view| Arc::clone(&view.get().snapshot));
        let work = || self.run.thread(algorithm, numbers.as_deref());
        let threads = if self.run.len() < DETACH_MESSAGES {
            guarded(work)?
        } else {
            detached(py, work)?
        };
        let threads = threads.ok_or_else(|| PyRuntimeError::new_err("keys are missing"))?;
        Ok(PyBytes::new(py, &threads))
    }
}

fn algorithm_of(name: &str) -> PyResult<ThreadAlgorithm> {
    let known = [
        ThreadAlgorithm::OrderedSubject,
        ThreadAlgorithm::References,
        ThreadAlgorithm::Refs,
    ];
    known
        .into_iter()
        .find(|algorithm| algorithm.as_str() == name)
        .ok_or_else(|| PyValueError::new_err("no algorithm of THREAD"))
}

/// Numbers in an order of their own.
#[pyclass(frozen, name = "UidList", module = "lightmail._core.index")]
pub struct PyUidList {
    pub list: UidList,
}

#[pymethods]
impl PyUidList {
    fn __len__(&self) -> usize {
        self.list.numbers().len()
    }

    fn __getitem__(&self, place: isize) -> PyResult<u32> {
        let numbers = self.list.numbers();
        let place = if place < 0 {
            numbers.len().checked_sub(place.unsigned_abs())
        } else {
            Some(place.unsigned_abs())
        };
        place
            .and_then(|place| numbers.get(place).copied())
            .ok_or_else(|| PyIndexError::new_err("no such place"))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyList::new(py, self.list.numbers())?.call_method0("__iter__")
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.list.write_set(&mut out);
        PyBytes::new(py, &out)
    }

    fn __repr__(&self) -> String {
        let mut out = Vec::new();
        self.list.write_set(&mut out);
        format!("UidList({})", String::from_utf8_lossy(&out))
    }

    fn spaced<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.list.write_spaced(&mut out);
        PyBytes::new(py, &out)
    }

    fn as_set(&self) -> PyUidSet {
        self.list.as_set().into()
    }

    fn seqs(&self, view: &Bound<'_, PySnapshot>) -> PyResult<Self> {
        guarded(|| Self {
            list: self.list.seqs(&view.get().snapshot),
        })
    }

    fn without(&self, gone: &Bound<'_, PyUidSet>) -> PyResult<Self> {
        guarded(|| Self {
            list: self.list.without(&gone.get().set),
        })
    }

    #[pyo3(signature = (uids, *, last_first, view = None))]
    fn places<'py>(
        &self,
        py: Python<'py>,
        uids: &Bound<'py, PyUidSet>,
        last_first: bool,
        view: Option<&Bound<'py, PySnapshot>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let view = view.map(|view| Arc::clone(&view.get().snapshot));
        let out = guarded(|| {
            let mut out = Vec::new();
            let uids = &uids.get().set;
            self.list
                .write_places(uids, last_first, view.as_deref(), &mut out);
            out
        })?;
        Ok(PyBytes::new(py, &out))
    }

    fn window(&self, first: i64, last: i64) -> PyResult<Self> {
        let (start, end) = window(first, last, self.list.numbers().len() as u64)?;
        Ok(Self {
            list: self.list.slice(start as usize, end as usize),
        })
    }
}
