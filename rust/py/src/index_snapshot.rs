//! `_core.index.Snapshot` and `Row`.

use std::ops::Deref;
use std::sync::Arc;

use lightmail_index::advance::{FlagItems, Telling};
use lightmail_index::flags::Keywords;
use lightmail_index::resolve::{self, Absent};
use lightmail_index::row;
use lightmail_index::snapshot::{MailboxState, Snapshot};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyTuple};

use crate::error::{for_octets, guarded};
use crate::imap_arguments::{SearchProgram, SequenceSet};
use crate::index_set::PyUidSet;

create_exception!(
    lightmail._core.index,
    BadSet,
    PyValueError,
    "A sequence number outside the mailbox."
);
create_exception!(
    lightmail._core.index,
    BadRow,
    PyValueError,
    "A packed row that is not one."
);

pub fn bad_set(problem: resolve::BadSet) -> PyErr {
    BadSet::new_err(problem.to_string())
}

fn bad_row(problem: row::BadRow) -> PyErr {
    BadRow::new_err(problem.to_string())
}

/// A block of packed rows, used without a copy.
#[derive(FromPyObject)]
enum Block {
    Text(PyBackedStr),
    Octets(PyBackedBytes),
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Octets(octets) => octets,
        }
    }
}

fn state(keywords: &[PyBackedStr], uid_next: u64, highest_modseq: u64) -> MailboxState {
    MailboxState {
        keywords: Keywords::new(keywords.iter().map(|name| &**name)),
        uid_next,
        highest_modseq,
    }
}

/// Runs `work` on the blocks, without the GIL when they are long.
fn with_blocks(
    py: Python<'_>,
    blocks: &[Block],
    work: impl FnOnce(&[&[u8]]) -> Result<Snapshot, row::BadRow> + Send,
) -> PyResult<PySnapshot> {
    let blocks: Vec<&[u8]> = blocks.iter().map(|block| &**block).collect();
    let octets = blocks.iter().map(|block| block.len()).sum();
    let snapshot = for_octets(py, octets, || work(&blocks))?.map_err(bad_row)?;
    Ok(PySnapshot {
        snapshot: Arc::new(snapshot),
    })
}

type Within<'a, 'py> = Option<&'a Bound<'py, PyUidSet>>;

/// An immutable state of one mailbox.
#[pyclass(frozen, name = "Snapshot", module = "lightmail._core.index")]
pub struct PySnapshot {
    pub snapshot: Arc<Snapshot>,
}

#[pymethods]
impl PySnapshot {
    #[staticmethod]
    fn empty() -> Self {
        Self {
            snapshot: Arc::new(Snapshot::empty()),
        }
    }

    #[staticmethod]
    #[pyo3(signature = (blocks, *, keywords, uid_next, highest_modseq))]
    fn load(
        py: Python<'_>,
        blocks: Vec<Block>,
        keywords: Vec<PyBackedStr>,
        uid_next: u64,
        highest_modseq: u64,
    ) -> PyResult<Self> {
        let state = state(&keywords, uid_next, highest_modseq);
        with_blocks(py, &blocks, |blocks| Snapshot::load(blocks, state))
    }

    #[pyo3(signature = (blocks, expunged, *, keywords, uid_next, highest_modseq))]
    fn apply(
        &self,
        py: Python<'_>,
        blocks: Vec<Block>,
        expunged: &Bound<'_, PyUidSet>,
        keywords: Vec<PyBackedStr>,
        uid_next: u64,
        highest_modseq: u64,
    ) -> PyResult<Self> {
        let state = state(&keywords, uid_next, highest_modseq);
        let expunged = &*expunged.get().set;
        with_blocks(py, &blocks, |blocks| {
            self.snapshot.apply(blocks, expunged, state)
        })
    }

    fn __len__(&self) -> usize {
        self.snapshot.len() as usize
    }

    #[getter]
    fn keywords<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(
            py,
            self.snapshot.keywords().names().iter().map(|name| &**name),
        )
    }

    #[getter]
    fn uid_next(&self) -> u64 {
        self.snapshot.uid_next()
    }

    #[getter]
    fn highest_modseq(&self) -> u64 {
        self.snapshot.highest_modseq()
    }

    #[getter]
    fn unseen(&self) -> u64 {
        self.snapshot.unseen()
    }

    #[getter]
    fn deleted(&self) -> u64 {
        self.snapshot.deleted()
    }

    #[getter]
    fn size_octets(&self) -> u64 {
        self.snapshot.size_octets()
    }

    #[getter]
    fn memory_octets(&self) -> usize {
        self.snapshot.memory_octets()
    }

    #[getter]
    fn first_unseen(&self) -> u32 {
        self.snapshot.first_unseen().unwrap_or(0)
    }

    fn uids(&self) -> PyUidSet {
        self.snapshot.uids().into()
    }

    fn recent_count(&self, recent_from: u64) -> u32 {
        self.snapshot.recent_count(bounded(recent_from))
    }

    #[pyo3(signature = (bits, *, within = None, without = 0))]
    fn flagged(&self, bits: u64, within: Within<'_, '_>, without: u64) -> PyUidSet {
        self.snapshot
            .flagged(bits, without, within.map(|set| &*set.get().set))
            .into()
    }

    #[pyo3(signature = (modseq, within = None))]
    fn changed_since(&self, modseq: u64, within: Within<'_, '_>) -> PyUidSet {
        self.snapshot
            .changed_since(modseq, within.map(|set| &*set.get().set))
            .into()
    }

    fn max_modseq(&self, uids: &Bound<'_, PyUidSet>) -> u64 {
        self.snapshot.max_modseq(&uids.get().set)
    }

    #[pyo3(signature = (set, *, uid, saved = None))]
    fn resolve(
        &self,
        set: &Bound<'_, SequenceSet>,
        uid: bool,
        saved: Within<'_, '_>,
    ) -> PyResult<PyUidSet> {
        let saved = saved.map(|saved| &*saved.get().set);
        let set = &set.get().set;
        let found = if uid {
            self.snapshot.resolve_uids(set, saved)
        } else {
            self.snapshot.resolve_seqs(set, saved, Absent::Refused)
        };
        Ok(found.map_err(bad_set)?.into())
    }

    #[pyo3(signature = (program, *, saved = None))]
    fn lasting(
        &self,
        program: &Bound<'_, SearchProgram>,
        saved: Within<'_, '_>,
    ) -> PyResult<SearchProgram> {
        let saved = saved.map(|saved| &*saved.get().set);
        let program = self.snapshot.lasting(&program.get().program, saved);
        Ok(SearchProgram {
            program: program.map_err(bad_set)?,
        })
    }

    #[pyo3(signature = (program, *, saved = None))]
    fn scope(
        &self,
        program: &Bound<'_, SearchProgram>,
        saved: Within<'_, '_>,
    ) -> PyResult<PyUidSet> {
        let saved = saved.map(|saved| &*saved.get().set);
        let scope = self.snapshot.scope(&program.get().program, saved);
        Ok(scope.map_err(bad_set)?.into())
    }

    fn batches(&self, size: u32, first: u32, last: u32) -> Vec<(u32, u32)> {
        self.snapshot.batches(size, first, last)
    }

    fn seqs(&self, uids: &Bound<'_, PyUidSet>) -> PyUidSet {
        self.snapshot.seqs(&uids.get().set).into()
    }

    fn seq(&self, uid: u32) -> u32 {
        self.snapshot.seq(uid).unwrap_or(0)
    }

    fn flags_of<'py>(&self, py: Python<'py>, uid: u32) -> PyResult<Bound<'py, PyTuple>> {
        let flags = self.snapshot.row(uid).map_or(0, |row| row.flags);
        PyTuple::new(
            py,
            self.snapshot.keywords().names_of(flags).collect::<Vec<_>>(),
        )
    }

    fn row(&self, uid: u32) -> Option<PyRow> {
        self.snapshot.row(uid).map(PyRow::from)
    }

    fn rows(&self, uids: &Bound<'_, PyUidSet>) -> Vec<PyRow> {
        self.snapshot
            .rows(&uids.get().set)
            .into_iter()
            .map(PyRow::from)
            .collect()
    }

    fn body_ids(&self, uids: &Bound<'_, PyUidSet>) -> Vec<u64> {
        self.snapshot.body_ids(&uids.get().set)
    }

    #[pyo3(signature = (uids, *, uid, modseq, recent_from, rev2, uid_only = false))]
    #[expect(clippy::too_many_arguments, reason = "the stub names them")]
    fn fetch_flags<'py>(
        &self,
        py: Python<'py>,
        uids: &Bound<'py, PyUidSet>,
        uid: bool,
        modseq: bool,
        recent_from: u64,
        rev2: bool,
        uid_only: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let items = FlagItems {
            uid,
            modseq,
            recent_from: bounded(recent_from),
            rev2,
            uid_only,
        };
        let octets = guarded(|| self.snapshot.fetch_flags(&uids.get().set, items))?;
        Ok(PyBytes::new(py, &octets))
    }

    fn qresync_match(&self, seqs: &Bound<'_, SequenceSet>, uids: &Bound<'_, SequenceSet>) -> u32 {
        self.snapshot
            .qresync_match(&seqs.get().set, &uids.get().set)
    }

    #[pyo3(signature = (new, *, expunge, uid, modseq, vanished, recent_from, rev2, silent = None, uid_only = false))]
    #[expect(clippy::too_many_arguments, reason = "the stub names them")]
    fn advance<'py>(
        slf: &Bound<'py, Self>,
        py: Python<'py>,
        new: &Bound<'py, Self>,
        expunge: bool,
        uid: bool,
        modseq: bool,
        vanished: bool,
        recent_from: u64,
        rev2: bool,
        silent: Within<'_, 'py>,
        uid_only: bool,
    ) -> PyResult<(Bound<'py, Self>, Bound<'py, PyBytes>)> {
        let telling = Telling {
            expunge,
            uid,
            modseq,
            vanished,
            recent_from: bounded(recent_from),
            rev2,
            uid_only,
            silent: silent.map(|set| &*set.get().set),
        };
        let current = &new.get().snapshot;
        let (view, octets) = guarded(|| slf.get().snapshot.advance(current, telling))?;
        // The usual view is the new state itself; the same object shows it at once.
        let view = if Arc::ptr_eq(&view, current) {
            new.clone()
        } else {
            Bound::new(py, Self { snapshot: view })?
        };
        Ok((view, PyBytes::new(py, &octets)))
    }
}

/// UIDNEXT may be one more than the greatest UID; as a bound on UIDs that is as good as the greatest.
pub fn bounded(recent_from: u64) -> u32 {
    u32::try_from(recent_from).unwrap_or(u32::MAX)
}

/// One message of a snapshot.
#[pyclass(frozen, get_all, name = "Row", module = "lightmail._core.index")]
pub struct PyRow {
    uid: u32,
    size: u64,
    flags: u64,
    modseq: u64,
    body_id: u64,
    internaldate: i64,
    internaldate_zone: i16,
    savedate: i64,
    sent_date: i64,
    sent_zone: i16,
}

impl From<row::Row> for PyRow {
    fn from(row: row::Row) -> Self {
        Self {
            uid: row.uid,
            size: row.size,
            flags: row.flags,
            modseq: row.modseq,
            body_id: row.body_id,
            internaldate: row.internaldate,
            internaldate_zone: row.internaldate_zone,
            savedate: row.savedate,
            sent_date: row.sent_date,
            sent_zone: row.sent_zone,
        }
    }
}
