//! `_core.mime`: conversion, nothing else. The docstrings are in `_core/mime.pyi`.

use std::ops::Range;

use lightmail_mime::analyze::{self as whole, Limits, Summary};
use lightmail_mime::parts::{Parts, Transfer, What};
use lightmail_mime::transfer;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::for_octets;
use crate::octets::Octets;

create_exception!(
    lightmail._core.mime,
    UnknownEncoding,
    PyValueError,
    "A Content-Transfer-Encoding nobody can undo: NO [UNKNOWN-CTE] (RFC 3516 §4.3)."
);

/// Bounds on one message.
#[pyclass(frozen, name = "MimeLimits", module = "lightmail._core.mime")]
pub struct PyLimits {
    pub limits: Limits,
}

#[pymethods]
impl PyLimits {
    #[new]
    #[pyo3(signature = (*, depth = 100, parts = 10000, header_octets = 1_048_576))]
    fn new(depth: u32, parts: usize, header_octets: usize) -> Self {
        Self {
            limits: Limits {
                depth,
                parts,
                header_octets,
            },
        }
    }
}

/// What is kept of a message.
#[pyclass(frozen, name = "Summary", module = "lightmail._core.mime")]
pub struct PySummary {
    pub summary: Summary,
}

#[pymethods]
impl PySummary {
    #[getter]
    fn octets(&self) -> u64 {
        self.summary.octets
    }

    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.summary.header)
    }

    #[getter]
    fn envelope<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.summary.envelope)
    }

    #[getter]
    fn bodystructure<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.summary.bodystructure)
    }

    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.summary.parts)
    }

    #[getter]
    fn sent_date(&self) -> i64 {
        self.summary.sent.map_or(0, |date| date.seconds)
    }

    #[getter]
    fn sent_zone(&self) -> i32 {
        self.summary.sent.map_or(0, |date| date.zone_minutes)
    }

    #[getter]
    fn message_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.summary.message_id)
    }

    #[getter]
    fn subject(&self) -> &str {
        &self.summary.subject
    }

    #[getter]
    fn base_subject(&self) -> &str {
        &self.summary.base_subject
    }

    #[getter]
    fn preview(&self) -> &str {
        &self.summary.preview
    }
}

#[pyfunction]
fn analyze(py: Python<'_>, data: Octets, limits: &PyLimits) -> PyResult<PySummary> {
    let limits = limits.limits;
    for_octets(py, data.len(), || PySummary {
        summary: whole::analyze(&data, limits),
    })
}

#[pyfunction]
fn section_range(parts: Octets, section: &str) -> PyResult<Option<(u64, u64)>> {
    let parts = decode(&parts)?;
    let range = parse_section(section).and_then(|(numbers, what)| parts.locate(&numbers, what));
    Ok(range.map(|Range { start, end }| (start, end - start)))
}

#[pyfunction]
fn decode_part<'py>(
    py: Python<'py>,
    parts: Octets,
    section: &str,
    octets: Octets,
) -> PyResult<Bound<'py, PyBytes>> {
    let parts = decode(&parts)?;
    let leaf = match parse_section(section) {
        Some((numbers, What::Full)) => parts.leaf(&numbers),
        _ => None,
    };
    let leaf = leaf.ok_or_else(|| PyValueError::new_err(format!("no part {section} to decode")))?;
    if leaf.transfer == Transfer::Unknown {
        return Err(UnknownEncoding::new_err(format!(
            "the encoding of part {section} is not known"
        )));
    }
    let decoded = for_octets(py, octets.len(), || {
        transfer::decode(leaf.transfer, &octets)
    })?;
    Ok(PyBytes::new(py, &decoded))
}

fn decode(parts: &[u8]) -> PyResult<Parts> {
    Parts::decode(parts).map_err(|damage| PyValueError::new_err(damage.to_string()))
}

/// `""`, `"HEADER"`, `"1.2"`, `"1.2.MIME"`, …
fn parse_section(section: &str) -> Option<(Vec<u32>, What)> {
    let (numbers, what) = match section.rsplit_once('.').unwrap_or(("", section)) {
        (numbers, "HEADER") => (numbers, What::Header),
        (numbers, "TEXT") => (numbers, What::Text),
        (numbers, "MIME") => (numbers, What::Mime),
        _ => (section, What::Full),
    };
    if numbers.is_empty() {
        return Some((Vec::new(), what));
    }
    let numbers = numbers.split('.').map(|number| number.parse().ok());
    Some((numbers.collect::<Option<_>>()?, what))
}

/// The submodule.
#[pymodule]
pub mod mime {
    #[pymodule_export]
    use super::{analyze, decode_part, section_range, PyLimits, PySummary, UnknownEncoding};
}
