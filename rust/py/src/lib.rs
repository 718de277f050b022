//! The thin PyO3 boundary: `lightmail._core`. This file is a list of names.

mod error;
mod frames;
mod imap;
mod imap_arguments;
mod imap_commands;
mod imap_decoder;
mod imap_encoding;
mod imap_events;
mod imap_making;
mod imap_searches;
mod index;
mod index_fetch;
mod index_order;
mod index_search;
mod index_set;
mod index_snapshot;
mod mime;
mod octets;
mod passwords;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::error::CorePanic;
    #[pymodule_export]
    use super::frames::module as frames;
    #[pymodule_export]
    use super::imap::imap;
    #[pymodule_export]
    use super::index::index;
    #[pymodule_export]
    use super::mime::mime;
    #[pymodule_export]
    use super::passwords::module as passwords;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // `import lightmail._core.mime` looks in sys.modules, where a nested module is not put by itself.
        let modules = module.py().import("sys")?.getattr("modules")?;
        for name in SUBMODULES {
            let submodule = module.getattr(*name)?;
            modules.set_item(format!("lightmail._core.{name}"), &submodule)?;
            // The stubs say what is public.
            submodule.delattr("__all__")?;
        }
        module.delattr("__all__")?;
        Ok(())
    }

    const SUBMODULES: &[&str] = &["frames", "imap", "index", "mime", "passwords"];
}
