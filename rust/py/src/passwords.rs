//! `_core.passwords`: conversion, nothing else. The docstrings are in `_core/passwords.pyi`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sha_crypt::Params;

use crate::error::detached;

fn parameters(rounds: u32) -> PyResult<Params> {
    Params::new(rounds).map_err(|error| PyValueError::new_err(error.to_string()))
}

#[pymodule(name = "passwords")]
pub mod module {
    use super::{detached, parameters};
    use pyo3::prelude::*;

    #[pyfunction]
    #[pyo3(signature = (password, salt, *, rounds))]
    fn sha256_crypt(
        py: Python<'_>,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
    ) -> PyResult<[u8; 32]> {
        let parameters = parameters(rounds)?;
        detached(py, || sha_crypt::sha256_crypt(password, salt, parameters))
    }

    #[pyfunction]
    #[pyo3(signature = (password, salt, *, rounds))]
    fn sha512_crypt(
        py: Python<'_>,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
    ) -> PyResult<[u8; 64]> {
        let parameters = parameters(rounds)?;
        detached(py, || sha_crypt::sha512_crypt(password, salt, parameters))
    }
}
