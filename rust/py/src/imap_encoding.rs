//! Values to their form on the wire, as Python functions.

use lightmail_imap::date::{format_date_time, DateTime};
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

/// The shortest legal `string`.
#[pyfunction]
#[pyo3(signature = (data, *, utf8 = false))]
pub fn quoted<'py>(py: Python<'py>, data: Octets, utf8: bool) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, |out| encode::quoted(&data, utf8, out))
}

/// Like `quoted`, but an atom where that is legal.
#[pyfunction]
#[pyo3(signature = (data, *, utf8 = false))]
pub fn astring<'py>(py: Python<'py>, data: Octets, utf8: bool) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, |out| encode::astring(&data, utf8, out))
}

/// A mailbox as an astring on the wire.
#[pyfunction]
#[pyo3(signature = (name, *, utf8))]
pub fn mailbox_name<'py>(py: Python<'py>, name: &str, utf8: bool) -> PyResult<Bound<'py, PyBytes>> {
    encoded(py, |out| encode::mailbox_name(name, utf8, out))
}

/// Modified UTF-7 to text.
#[pyfunction]
pub fn decode_utf7(data: Octets) -> PyResult<String> {
    guarded(|| encode::utf7::decode(&data))?
        .map_err(|bad| PyValueError::new_err(format!("not modified UTF-7 at octet {}", bad.offset)))
}

/// Text to modified UTF-7.
#[pyfunction]
pub fn encode_utf7<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
    let encoded = guarded(|| encode::utf7::encode(name))?;
    Ok(PyBytes::new(py, encoded.as_bytes()))
}

/// `date-time`, quotes included.
#[pyfunction]
pub fn format_internaldate<'py>(
    py: Python<'py>,
    seconds: i64,
    zone_minutes: i32,
) -> PyResult<Bound<'py, PyBytes>> {
    let moment = DateTime {
        seconds,
        zone_minutes,
    };
    let text = guarded(|| format_date_time(moment))?;
    Ok(PyBytes::new(py, text.as_bytes()))
}
