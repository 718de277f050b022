//! `_core.index.UidSet`.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use lightmail_imap::partial::PartialRange;
use lightmail_index::uid_set::UidSet;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// An immutable ascending set of UIDs.
#[pyclass(frozen, name = "UidSet", module = "lightmail._core.index")]
pub struct PyUidSet {
    pub set: Arc<UidSet>,
}

impl From<UidSet> for PyUidSet {
    fn from(set: UidSet) -> Self {
        Self { set: Arc::new(set) }
    }
}

fn uid(value: u32) -> PyResult<u32> {
    if value == 0 {
        return Err(PyValueError::new_err("0 is no UID"));
    }
    Ok(value)
}

/// Which of `count` results PARTIAL means by these positions (RFC 9394 §4), as first and behind the last.
pub fn window(first: i64, last: i64, count: u64) -> PyResult<(u64, u64)> {
    let position = |value: i64| u32::try_from(value.unsigned_abs()).unwrap_or(u32::MAX);
    if first == 0 || last == 0 || (first < 0) != (last < 0) {
        return Err(PyValueError::new_err("no window of results"));
    }
    let range = PartialRange {
        from_end: first < 0,
        first: position(first),
        last: position(last),
    };
    Ok(range.window(count))
}

#[pymethods]
impl PyUidSet {
    #[new]
    #[pyo3(signature = (uids = None), text_signature = "(uids=())")]
    fn new(uids: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(uids) = uids else {
            return Ok(UidSet::new().into());
        };
        let values: Vec<u32> = uids
            .try_iter()?
            .map(|item| uid(item?.extract()?))
            .collect::<PyResult<_>>()?;
        Ok(values.into_iter().collect::<UidSet>().into())
    }

    #[staticmethod]
    fn from_ranges(ranges: &Bound<'_, PyAny>) -> PyResult<Self> {
        let ranges: Vec<(u32, u32)> = ranges
            .try_iter()?
            .map(|item| {
                let (low, high) = item?.extract()?;
                Ok((uid(low)?, uid(high)?))
            })
            .collect::<PyResult<_>>()?;
        Ok(UidSet::from_ranges(ranges).into())
    }

    fn __len__(&self) -> usize {
        self.set.len() as usize
    }

    fn __bool__(&self) -> bool {
        !self.set.is_empty()
    }

    fn __contains__(&self, uid: &Bound<'_, PyAny>) -> bool {
        uid.extract().is_ok_and(|uid| self.set.contains(uid))
    }

    fn __iter__(&self) -> UidIterator {
        UidIterator {
            set: Arc::clone(&self.set),
            next: Mutex::new((0, 0)),
        }
    }

    fn __richcmp__(
        &self,
        other: &Bound<'_, PyAny>,
        op: CompareOp,
        py: Python<'_>,
    ) -> PyResult<Py<PyAny>> {
        let answer = match (other.cast::<Self>(), op) {
            (Ok(other), CompareOp::Eq) => self.set == other.get().set,
            (Ok(other), CompareOp::Ne) => self.set != other.get().set,
            _ => return Ok(py.NotImplemented()),
        };
        Ok(answer.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.set.hash(&mut hasher);
        hasher.finish()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.set.write(&mut out);
        PyBytes::new(py, &out)
    }

    fn __repr__(&self) -> String {
        let mut out = Vec::new();
        self.set.write(&mut out);
        format!("UidSet({})", String::from_utf8_lossy(&out))
    }

    fn spaced<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut out = Vec::new();
        self.set.write_spaced(&mut out);
        PyBytes::new(py, &out)
    }

    fn __or__(&self, other: &Bound<'_, Self>) -> Self {
        self.set.union(&other.get().set).into()
    }

    fn __and__(&self, other: &Bound<'_, Self>) -> Self {
        self.set.intersection(&other.get().set).into()
    }

    fn __sub__(&self, other: &Bound<'_, Self>) -> Self {
        self.set.difference(&other.get().set).into()
    }

    fn window(&self, first: i64, last: i64) -> PyResult<Self> {
        let (start, end) = window(first, last, self.set.len())?;
        Ok(self.set.slice(start, end).into())
    }

    fn ranges(&self) -> Vec<(u32, u32)> {
        self.set.ranges().to_vec()
    }

    #[getter]
    fn first(&self) -> u32 {
        self.set.first().unwrap_or(0)
    }

    #[getter]
    fn last(&self) -> u32 {
        self.set.last().unwrap_or(0)
    }
}

/// Iterates over a set without spelling it out.
#[pyclass(frozen, module = "lightmail._core.index")]
pub struct UidIterator {
    set: Arc<UidSet>,
    /// The range and how many of its numbers were given.
    next: Mutex<(usize, u32)>,
}

#[pymethods]
impl UidIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> Option<u32> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let &(low, high) = self.set.ranges().get(next.0)?;
        let value = low + next.1;
        *next = if value == high {
            (next.0 + 1, 0)
        } else {
            (next.0, next.1 + 1)
        };
        Some(value)
    }
}
