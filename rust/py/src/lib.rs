//! The thin PyO3 boundary: `lightmail._core`. This file is a list of names.
use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;
    #[pymodule_init]
    fn init(_m: &Bound<'_, PyModule>) -> PyResult<()> {
        Ok(())
    }
}
