//! `_core.frames`: conversion, nothing else. The docstrings are in `_core/frames.pyi`.

use lightmail_frames::{
    self as frames, CompressError, Encoder, KeyError, Keyring, Layout, LayoutError, Options,
    Stored, KEY_OCTETS,
};
use lightmail_mime::analyze::{analyze, Analyzer};
use pyo3::create_exception;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::{for_octets, guarded};
use crate::mime::{PyLimits, PySummary};
use crate::octets::Octets;

create_exception!(lightmail._core.frames, CorruptBody, PyValueError);
create_exception!(lightmail._core.frames, NeedTail, PyValueError);
create_exception!(lightmail._core.frames, KeyUnusable, PyValueError);

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
        LayoutError::Key(error) => key_error(error),
    }
}

fn key_error(error: KeyError) -> PyErr {
    KeyUnusable::new_err(error.to_string())
}

fn compress_error(error: CompressError) -> PyErr {
    PyMemoryError::new_err(error.to_string())
}

fn finished() -> PyErr {
    PyValueError::new_err("finish() was called before")
}

/// Keys by their ids.
#[pyclass(frozen, name = "Keyring", module = "lightmail._core.frames")]
pub struct PyKeyring {
    keyring: Keyring,
    #[pyo3(get)]
    active: Option<String>,
}

#[pymethods]
impl PyKeyring {
    #[new]
    #[pyo3(signature = (keys, active = None))]
    fn new(keys: &Bound<'_, PyDict>, active: Option<String>) -> PyResult<Self> {
        let mut known = Vec::new();
        for (id, key) in keys {
            let octets = key.extract::<Octets>()?;
            let key: [u8; KEY_OCTETS] = octets[..]
                .try_into()
                .map_err(|_| PyValueError::new_err("a key has 32 octets"))?;
            known.push((id.extract::<String>()?, key));
        }
        if active
            .as_ref()
            .is_some_and(|active| !known.iter().any(|(id, _)| id == active))
        {
            return Err(PyValueError::new_err(
                "the active key is not among the keys",
            ));
        }
        Ok(Self {
            keyring: Keyring::new(known),
            active,
        })
    }
}

static NO_KEYS: Keyring = Keyring::none();

/// The keys of an argument that may be left out.
fn keys(keyring: Option<&PyKeyring>) -> &Keyring {
    keyring.map_or(&NO_KEYS, |keyring| &keyring.keyring)
}

#[pyfunction]
fn key_id(object_key: &str) -> Option<&str> {
    frames::key_id(object_key)
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
    #[pyo3(signature = (limits, *, frame_octets = 131_072, level = 1, min_gain_percent = 5, object_key = "", keyring = None))]
    fn new(
        limits: &PyLimits,
        frame_octets: usize,
        level: i32,
        min_gain_percent: u8,
        object_key: &str,
        keyring: Option<&PyKeyring>,
    ) -> PyResult<Self> {
        let options = Options {
            frame_octets,
            level,
            min_gain_percent,
        };
        let encoder = Encoder::new_as(options, object_key, keys(keyring)).map_err(key_error)?;
        Ok(Self {
            running: Some((encoder, Analyzer::new(limits.limits))),
            raw_octets: 0,
        })
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
#[pyo3(signature = (data, limits, *, frame_octets = 131_072, level = 1, min_gain_percent = 5, object_key = "", keyring = None))]
#[allow(clippy::too_many_arguments)] // as Python passes them, by name
fn ingest(
    py: Python<'_>,
    data: Octets,
    limits: &PyLimits,
    frame_octets: usize,
    level: i32,
    min_gain_percent: u8,
    object_key: &str,
    keyring: Option<&PyKeyring>,
) -> PyResult<PyIngested> {
    let limits = limits.limits;
    let options = Options {
        frame_octets,
        level,
        min_gain_percent,
    };
    let encoder = Encoder::new_as(options, object_key, keys(keyring)).map_err(key_error)?;
    let (encoded, summary) = for_octets(py, data.len(), || {
        (frames::encode_as(&data, encoder), analyze(&data, limits))
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
    #[pyo3(signature = (tail, stored_octets, object_key = "", keyring = None))]
    fn parse(
        py: Python<'_>,
        tail: Octets,
        stored_octets: u64,
        object_key: &str,
        keyring: Option<&PyKeyring>,
    ) -> PyResult<Self> {
        guarded(|| Layout::parse_as(&tail, stored_octets, object_key, keys(keyring)))?
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
#[pyo3(signature = (stored, object_key = "", keyring = None))]
fn decode_all<'py>(
    py: Python<'py>,
    stored: Octets,
    object_key: &str,
    keyring: Option<&PyKeyring>,
) -> PyResult<Bound<'py, PyBytes>> {
    let keys = keys(keyring);
    let raw = for_octets(py, stored.len(), || {
        frames::decode_all_as(&stored, object_key, keys)
    })?;
    Ok(PyBytes::new(
        py,
        &raw.map_err(|error| layout_error(py, error))?,
    ))
}

/// The submodule.
#[pymodule(name = "frames")]
pub mod module {
    #[pymodule_export]
    use super::{
        decode_all, ingest, key_id, CorruptBody, KeyUnusable, NeedTail, PyIngest, PyIngested,
        PyKeyring, PyLayout,
    };
    #[pymodule_export]
    const TAIL_OCTETS: usize = lightmail_frames::TAIL_OCTETS;
}
