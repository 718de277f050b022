//! Values to their form on the wire, as Python functions.

use lightmail_imap::encode;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::guarded;
use crate::octets::Octets;

fn encoded<'py>(
    py: Python<'py>,
    encode: impl FnOnce(&mut Vec<u8>),
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    guarded(|| encode(&mut out))?;
    Ok(PyBytes::new(py, &out))
}

/// A mailbox as an astring on the wire.
#[pyfunction]
#[pyo3(signature = (name, *, utf8))]
pub fn mailbox_name<'py>(py: Python<'py>, name: &str, utf8: bool) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, |out| encode::mailbox_name(name, utf8, out))
}

/// Octets as a string on the wire.
#[pyfunction]
#[pyo3(signature = (octets, *, utf8))]
pub fn string(py: Python<'_>, octets: Octets, utf8: bool) -> PyResult<Bound<'_, PyBytes>> {
    encoded(py, |out| encode::quoted(&octets, utf8, out))
}

/// Modified UTF-7 to text.
#[pyfunction]
pub fn decode_utf7(data: Octets) -> PyResult<String> {
    guarded(|| encode::utf7::decode(&data))?
        .map_err(|bad| PyValueError::new_err(format!("not modified UTF-7 at octet {}", bad.offset)))
}
