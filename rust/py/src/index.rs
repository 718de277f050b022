//! `lightmail._core.index`: a list of names.

use pyo3::prelude::*;

#[pymodule]
pub mod index {
    use lightmail_index::flags::{FIRST_KEYWORD_BIT, MAX_KEYWORDS, SYSTEM_FLAGS};
    use lightmail_mime::collation::Collation;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_export]
    use crate::index_fetch::{PyBodySlot, PyFetchRun, PyOctetNeed, PySlotDecoder, PySummaryCache};
    #[pymodule_export]
    use crate::index_order::{PyKeyCache, PyOrderRun, PyUidList};
    #[pymodule_export]
    use crate::index_search::{BadCharset, PyScores, PySearchRun};
    #[pymodule_export]
    use crate::index_set::PyUidSet;
    #[pymodule_export]
    use crate::index_snapshot::{BadRow, BadSet, PyRow, PySnapshot};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("SYSTEM_FLAGS", PyTuple::new(module.py(), SYSTEM_FLAGS)?)?;
        module.add("FIRST_KEYWORD_BIT", FIRST_KEYWORD_BIT)?;
        let collations = Collation::ALL.map(Collation::name);
        module.add("COLLATIONS", PyTuple::new(module.py(), collations)?)?;
        module.add("MAX_KEYWORDS", MAX_KEYWORDS)
    }
}
