//! `_core.index.SummaryCache`, `FetchRun`, `BodySlot`, `SlotDecoder`, `OctetNeed`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lightmail_index::fetch::slot::{self, BodySlot};
use lightmail_index::fetch::{Contents, FetchOptions, FetchRun, Need, Piece};
use lightmail_index::summaries::{Summary, SummaryCache};
use lightmail_mime::parts::Transfer;
use pyo3::exceptions::{PyLookupError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::error::guarded;
use crate::imap_arguments::FetchPlan;
use crate::index_set::PyUidSet;
use crate::index_snapshot::{bounded, PySnapshot};
use crate::mime::UnknownEncoding;
use crate::octets::Octets;

/// Summaries by body id.
#[pyclass(frozen, name = "SummaryCache", module = "lightmail._core.index")]
pub struct PySummaryCache {
    cache: Mutex<SummaryCache>,
}

impl PySummaryCache {
    pub fn lock(&self) -> MutexGuard<'_, SummaryCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type SummaryRow = (u64, Octets, Octets, Octets, Octets, PyBackedStr);

#[pymethods]
impl PySummaryCache {
    #[new]
    fn new(max_octets: usize) -> Self {
        Self {
            cache: Mutex::new(SummaryCache::new(max_octets)),
        }
    }

    fn insert(&self, rows: &Bound<'_, PyAny>) -> PyResult<()> {
        for row in rows.try_iter()? {
            let (body_id, header, envelope, bodystructure, parts, preview): SummaryRow =
                row?.extract()?;
            let summary =
                guarded(|| Summary::new(&header, &envelope, &bodystructure, &parts, &preview))?
                    .map_err(|problem| {
                        PyValueError::new_err(format!("summary of body {body_id}: {problem}"))
                    })?;
            self.lock().insert(body_id, summary);
        }
        Ok(())
    }

    fn __contains__(&self, body_id: u64) -> bool {
        self.lock().contains(body_id)
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    #[getter]
    fn octets(&self) -> usize {
        self.lock().octets()
    }

    #[getter]
    fn hits(&self) -> u64 {
        self.lock().hits()
    }

    #[getter]
    fn misses(&self) -> u64 {
        self.lock().misses()
    }
}

/// A place in a response that the writer fills from the body store.
#[pyclass(frozen, name = "BodySlot", module = "lightmail._core.index")]
pub struct PyBodySlot {
    slot: BodySlot,
}

#[pymethods]
impl PyBodySlot {
    #[getter]
    fn uid(&self) -> u32 {
        self.slot.uid
    }

    #[getter]
    fn body_id(&self) -> u64 {
        self.slot.body_id
    }

    #[getter]
    fn start(&self) -> u64 {
        self.slot.start
    }

    #[getter]
    fn raw_octets(&self) -> u64 {
        self.slot.raw_octets
    }

    #[getter]
    fn octets(&self) -> u64 {
        self.slot.octets
    }

    #[getter]
    fn decode(&self) -> Option<&'static str> {
        match self.slot.decode {
            Transfer::Base64 => Some("base64"),
            Transfer::QuotedPrintable => Some("quoted-printable"),
            Transfer::Identity | Transfer::Unknown => None,
        }
    }

    #[getter]
    fn skip(&self) -> u64 {
        self.slot.skip
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.slot)
    }
}

/// Undoes the transfer encoding of a slot while it streams.
#[pyclass(name = "SlotDecoder", module = "lightmail._core.index")]
pub struct PySlotDecoder {
    decoder: slot::SlotDecoder,
}

#[pymethods]
impl PySlotDecoder {
    #[new]
    fn new(slot: &PyBodySlot) -> Self {
        Self {
            decoder: slot::SlotDecoder::new(&slot.slot),
        }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: Octets) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(data.len());
        guarded(|| self.decoder.feed(&data, &mut out))?;
        Ok(PyBytes::new(py, &out))
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::new();
        guarded(|| self.decoder.finish(&mut out))?;
        Ok(PyBytes::new(py, &out))
    }
}

/// Octets that must be read before a message can be rendered.
#[pyclass(frozen, name = "OctetNeed", module = "lightmail._core.index")]
pub struct PyOctetNeed {
    need: Need,
}

#[pymethods]
impl PyOctetNeed {
    #[getter]
    fn body_id(&self) -> u64 {
        self.need.body_id
    }

    #[getter]
    fn start(&self) -> u64 {
        self.need.start
    }

    #[getter]
    fn octets(&self) -> u64 {
        self.need.octets
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.need)
    }
}

/// One FETCH command under way.
#[pyclass(name = "FetchRun", module = "lightmail._core.index")]
pub struct PyFetchRun {
    run: FetchRun,
}

#[pymethods]
impl PyFetchRun {
    #[new]
    #[pyo3(signature = (plan, view, uids, *, uid, modseq, recent_from, rev2, flags_for = None, utf8 = false, uid_only = false, backwards = false))]
    #[expect(clippy::too_many_arguments, reason = "the stub names them")]
    fn new(
        plan: &Bound<'_, FetchPlan>,
        view: &Bound<'_, PySnapshot>,
        uids: &Bound<'_, PyUidSet>,
        uid: bool,
        modseq: bool,
        recent_from: u64,
        rev2: bool,
        flags_for: Option<&Bound<'_, PyUidSet>>,
        utf8: bool,
        uid_only: bool,
        backwards: bool,
    ) -> PyResult<Self> {
        let options = FetchOptions {
            uid,
            modseq,
            recent_from: bounded(recent_from),
            rev2,
            flags_for: flags_for.map(|uids| Arc::clone(&uids.get().set)),
            utf8,
            uid_only,
            backwards,
        };
        let (view, uids) = (
            Arc::clone(&view.get().snapshot),
            Arc::clone(&uids.get().set),
        );
        guarded(|| Self {
            run: FetchRun::new(&plan.get().items, view, uids, options),
        })
    }

    #[getter]
    fn done(&self) -> bool {
        self.run.done()
    }

    fn missing(&self, cache: &Bound<'_, PySummaryCache>, messages: usize) -> PyResult<Vec<u64>> {
        guarded(|| self.run.missing(&mut cache.get().lock(), messages))
    }

    fn needs(
        &mut self,
        cache: &Bound<'_, PySummaryCache>,
        messages: usize,
    ) -> PyResult<Vec<PyOctetNeed>> {
        let needs = guarded(|| self.run.needs(&mut cache.get().lock(), messages))?;
        Ok(needs.into_iter().map(|need| PyOctetNeed { need }).collect())
    }

    fn offer(&mut self, need: &PyOctetNeed, octets: Octets) {
        self.run.offer(need.need, octets.to_vec());
    }

    #[pyo3(signature = (cache, *, messages, max_octets))]
    fn render<'py>(
        &mut self,
        py: Python<'py>,
        cache: &Bound<'py, PySummaryCache>,
        messages: usize,
        max_octets: usize,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let pieces = guarded(|| {
            self.run
                .render(&mut cache.get().lock(), messages, max_octets)
        })?
        .map_err(|_| UnknownEncoding::new_err("a Content-Transfer-Encoding nobody can undo"))?;
        objects(py, pieces)
    }

    fn section<'py>(
        &mut self,
        py: Python<'py>,
        cache: &Bound<'py, PySummaryCache>,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        match guarded(|| self.run.section(&mut cache.get().lock()))? {
            Contents::Pieces(pieces) => objects(py, pieces).map(Some),
            Contents::Absent => Ok(None),
            Contents::NotHere => Err(PyLookupError::new_err("the summary of the message")),
        }
    }
}

fn objects(py: Python<'_>, pieces: Vec<Piece>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let object = |piece| {
        Ok(match piece {
            Piece::Octets(octets) => PyBytes::new(py, &octets).into_any(),
            Piece::Slot(slot) => Bound::new(py, PyBodySlot { slot })?.into_any(),
        })
    };
    pieces.into_iter().map(object).collect()
}
