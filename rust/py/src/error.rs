//! The doorway between Python and the pure crates: panics become one typed error (law 8).

use std::panic::{catch_unwind, AssertUnwindSafe};

use pyo3::create_exception;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

create_exception!(
    lightmail._core,
    CorePanic,
    PyRuntimeError,
    "A bug in the extension, caught at the boundary."
);

/// Runs `work`; a panic inside raises [`CorePanic`] and costs one connection, not the process.
///
/// State that `work` was changing may be half changed: the object it belongs to is to be dropped.
pub fn guarded<T>(work: impl FnOnce() -> T) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|cause| {
        let text = cause
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
        CorePanic::new_err(text.unwrap_or("panic").to_owned())
    })
}

/// Like [`guarded`], with the GIL released meanwhile. For long work: releasing and taking it again costs about
/// as much as scanning a few KiB, and waiting for it may cost more.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| guarded(work))
}

/// [`detached`] when there are at least `DETACH_OCTETS` to work on, [`guarded`] otherwise.
pub fn for_octets<T: Send>(
    py: Python<'_>,
    octets: usize,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    if octets >= DETACH_OCTETS {
        detached(py, work)
    } else {
        guarded(work)
    }
}

/// From how many octets on releasing the GIL is worth its price.
pub const DETACH_OCTETS: usize = 65536;
