//! The decoder and its limits, as Python sees them.

use lightmail_imap::decoder;
use lightmail_imap::limits;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::guarded;
use crate::imap_events::{self, LiteralData};
use crate::octets::Octets;

/// Bounds on one connection's input.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct Limits {
    pub(crate) limits: limits::Limits,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (
        *,
        line_octets = 65536,
        command_octets = 262144,
        literals = 256,
        message_octets = 52428800,
        messages = 4096,
        nesting = 32,
        set_ranges = 10000,
    ))]
    fn new(
        line_octets: usize,
        command_octets: usize,
        literals: usize,
        message_octets: u64,
        messages: usize,
        nesting: usize,
        set_ranges: usize,
    ) -> Self {
        Self {
            limits: limits::Limits {
                line_octets,
                command_octets,
                literals,
                message_octets,
                messages,
                nesting,
                set_ranges,
            },
        }
    }
}

/// Octets in, events out.
#[pyclass(module = "lightmail._core.imap")]
pub struct Decoder {
    decoder: decoder::Decoder,
    /// A whole `bytes` object that is literal data, handed on as it came.
    passed: Option<(Py<PyBytes>, bool)>,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(limits: &Bound<'_, Limits>) -> Self {
        Self {
            decoder: decoder::Decoder::new(limits.get().limits),
            passed: None,
        }
    }

    fn feed(&mut self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            let octets = bytes.as_bytes();
            if self.passed.is_none() {
                if let Some(last) = self.decoder.pass(octets.len()) {
                    self.passed = Some((bytes.clone().unbind(), last));
                    return Ok(());
                }
            }
            return guarded(|| self.decoder.feed(octets));
        }
        let octets = data.extract::<Octets>()?;
        guarded(|| self.decoder.feed(&octets))
    }

    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if let Some((data, last)) = self.passed.take() {
            return Ok(Some(Py::new(py, LiteralData { data, last })?.into_any()));
        }
        match guarded(|| self.decoder.next_event())? {
            Some(event) => imap_events::to_python(py, event).map(Some),
            None => Ok(None),
        }
    }

    fn accept_literal(&mut self) {
        self.decoder.accept_literal();
    }

    fn refuse_literal(&mut self) {
        self.decoder.refuse_literal();
    }

    fn expect_line(&mut self) {
        self.decoder.expect_line();
    }

    fn set_utf8(&mut self, enabled: bool) {
        self.decoder.set_utf8(enabled);
    }

    fn set_limits(&mut self, limits: &Bound<'_, Limits>) {
        self.decoder.set_limits(limits.get().limits);
    }

    fn discard(&mut self, py: Python<'_>) -> usize {
        let passed = self
            .passed
            .take()
            .map_or(0, |(data, _)| data.as_bytes(py).len());
        passed + self.decoder.discard()
    }

    #[getter]
    fn buffered_octets(&self, py: Python<'_>) -> usize {
        let passed = self
            .passed
            .as_ref()
            .map_or(0, |(data, _)| data.as_bytes(py).len());
        passed + self.decoder.buffered_octets()
    }
}
