//! Octets from Python: `bytes` without a copy, any other buffer with one.

use std::ops::Deref;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// An argument of type `Buffer`. May be used while the GIL is released.
pub enum Octets {
    /// A `bytes` object, kept alive.
    Shared(PyBackedBytes),
    /// A copy of any other buffer.
    Copied(Vec<u8>),
}

impl<'py> FromPyObject<'_, 'py> for Octets {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Shared(PyBackedBytes::from(bytes.to_owned())));
        }
        let buffer = PyBuffer::<u8>::get(&object)?;
        Ok(Self::Copied(buffer.to_vec(object.py())?))
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}
