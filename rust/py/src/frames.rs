//! `_core.frames`: conversion, nothing else. The docstrings are in `_core/frames.pyi`.

use lightmail_frames::{
    self as frames, CompressError, Encoder, Layout, LayoutError, Options, Stored,
};
use lightmail_mime::analyze::{analyze, Analyzer};
use pyo3::create_exception;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{for_octets, guarded};
use crate::mime::{PyLimits, PySummary};
use crate::octets::Octets;

create_exception!(lightmail._core.frames, CorruptBody, PyValueError);
create_exception!(lightmail._core.frames, NeedTail, PyValueError);

fn layout_error(py: Python<'_>, error: LayoutError) -> PyErr {
    match error {
        LayoutError::Corrupt(_) => CorruptBody::new_err(error.to_string()),
        LayoutError::NeedTail(octets) => {
            let raised = NeedTail::new_err(error.to_string());
            match raised.value(py).setattr("octets", octets) {
                Ok(()) => raised,
                Err(failure) => failure,
            }
        }
    }
}

fn compress_error(error: CompressError) -> PyErr {
    PyMemoryError::new_err(error.to_string())
}

fn finished() -> PyErr {
    PyValueError::new_err("finish() was called before")
}

/// A message that has passed through `Ingest`.
#[pyclass(frozen, name = "Ingested", module = "lightmail._core.frames")]
pub struct PyIngested {
    #[pyo3(get)]
    tail: Py<PyBytes>,
    #[pyo3(get)]
    summary: Py<PySummary>,
    stored: Stored,
}

impl PyIngested {
    fn new(py: Python<'_>, tail: &[u8], stored: Stored, summary: PySummary) -> PyResult<Self> {
        Ok(Self {
            tail: PyBytes::new(py, tail).unbind(),
            summary: Py::new(py, summary)?,
            stored,
        })
    }
}

#[pymethods]
impl PyIngested {
    #[getter]
    fn raw_octets(&self) -> u64 {
        self.stored.raw_octets
    }

    #[getter]
    fn stored_octets(&self) -> u64 {
        self.stored.stored_octets
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.stored.digest)
    }
}

/// Encoder and analyzer side by side.
#[pyclass(name = "Ingest", module = "lightmail._core.frames")]
pub struct PyIngest {
    running: Option<(Encoder, Analyzer)>,
    raw_octets: u64,
}

#[pymethods]
impl PyIngest {
    #[new]
    #[pyo3(signature = (limits, *, frame_octets = 131_072, level = 1, min_gain_percent = 5))]
    fn new(limits: &PyLimits, frame_octets: usize, level: i32, min_gain_percent: u8) -> Self {
        let options = Options {
            frame_octets,
            level,
            min_gain_percent,
        };
        let running = (Encoder::new(options), Analyzer::new(limits.limits));
        Self {
            running: Some(running),
            raw_octets: 0,
        }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: Octets) -> PyResult<Bound<'py, PyBytes>> {
        let (encoder, analyzer) = self.running.as_mut().ok_or_else(finished)?;
        let mut out = Vec::new();
        for_octets(py, data.len(), || {
            analyzer.feed(&data);
            encoder.feed(&data, &mut out)
        })?
        .map_err(compress_error)?;
        self.raw_octets += data.len() as u64;
        Ok(PyBytes::new(py, &out))
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<PyIngested> {
        let (encoder, analyzer) = self.running.take().ok_or_else(finished)?;
        let mut tail = Vec::new();
        let (stored, summary) = guarded(|| (encoder.finish(&mut tail), analyzer.finish()))?;
        PyIngested::new(
            py,
            &tail,
            stored.map_err(compress_error)?,
            PySummary { summary },
        )
    }

    #[getter]
    fn raw_octets(&self) -> u64 {
        self.raw_octets
    }
}

#[pyfunction]
#[pyo3(signature = (data, limits, *, frame_octets = 131_072, level = 1, min_gain_percent = 5))]
fn ingest(
    py: Python<'_>,
    data: Octets,
    limits: &PyLimits,
    frame_octets: usize,
    level: i32,
    min_gain_percent: u8,
) -> PyResult<PyIngested> {
    let limits = limits.limits;
    let options = Options {
        frame_octets,
        level,
        min_gain_percent,
    };
    let (encoded, summary) = for_octets(py, data.len(), || {
        (frames::encode(&data, options), analyze(&data, limits))
    })?;
    let (tail, stored) = encoded.map_err(compress_error)?;
    PyIngested::new(py, &tail, stored, PySummary { summary })
}

/// The seek table of a stored body.
#[pyclass(frozen, name = "Layout", module = "lightmail._core.frames")]
pub struct PyLayout {
    layout: Layout,
}

#[pymethods]
impl PyLayout {
    #[staticmethod]
    fn parse(py: Python<'_>, tail: Octets, stored_octets: u64) -> PyResult<Self> {
        guarded(|| Layout::parse(&tail, stored_octets))?
            .map(|layout| Self { layout })
            .map_err(|error| layout_error(py, error))
    }

    #[getter]
    fn raw_octets(&self) -> u64 {
        self.layout.raw_octets()
    }

    fn read_plan(&self, start: u64, octets: u64) -> (u64, u64) {
        let plan = self
            .layout
            .read_plan(&(start..start.saturating_add(octets)));
        (plan.start, plan.end - plan.start)
    }

    fn decode<'py>(
        &self,
        py: Python<'py>,
        stored: Octets,
        stored_start: u64,
        start: u64,
        octets: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let range = start..start.saturating_add(octets);
        let mut out = Vec::new();
        for_octets(py, stored.len(), || {
            self.layout.decode(&stored, stored_start, &range, &mut out)
        })?
        .map_err(|error| layout_error(py, error))?;
        Ok(PyBytes::new(py, &out))
    }
}

#[pyfunction]
fn decode_all(py: Python<'_>, stored: Octets) -> PyResult<Bound<'_, PyBytes>> {
    let raw = for_octets(py, stored.len(), || frames::decode_all(&stored))?;
    Ok(PyBytes::new(
        py,
        &raw.map_err(|error| layout_error(py, error))?,
    ))
}

/// The submodule.
#[pymodule(name = "frames")]
pub mod module {
    #[pymodule_export]
    use super::{decode_all, ingest, CorruptBody, NeedTail, PyIngest, PyIngested, PyLayout};
    #[pymodule_export]
    const TAIL_OCTETS: usize = lightmail_frames::TAIL_OCTETS;
}
