//! Arguments that Python hands on without looking inside; `lightmail._core.index` evaluates them.

use std::collections::HashMap;

use lightmail_imap::grammar::{self, Settings};
use lightmail_imap::{command, encode, fetch, search, set};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::guarded;
use crate::imap_decoder::Limits;
use crate::octets::Octets;

/// As the client wrote it: ranges with "*" unresolved, or "$" (RFC 5182).
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct SequenceSet {
    pub(crate) set: set::SequenceSet,
}

#[pymethods]
impl SequenceSet {
    #[getter]
    fn saved(&self) -> bool {
        self.set == set::SequenceSet::Saved
    }

    fn __str__(&self) -> String {
        self.set.to_string()
    }

    fn __repr__(&self) -> String {
        format!("SequenceSet({})", self.set)
    }
}

/// The items of a FETCH, and what answering them takes.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct FetchPlan {
    pub(crate) items: fetch::FetchItems,
}

#[pymethods]
impl FetchPlan {
    #[getter]
    fn needs_summary(&self) -> bool {
        self.items.needs_summary()
    }

    #[getter]
    fn needs_octets(&self) -> bool {
        self.items.needs_octets()
    }

    #[getter]
    fn sets_seen(&self) -> bool {
        self.items.sets_seen()
    }

    #[getter]
    fn wants_modseq(&self) -> bool {
        self.items.wants_modseq()
    }

    /// The items of both, each once.
    fn __or__(&self, other: &Bound<'_, Self>) -> Self {
        let mut items = self.items.clone();
        for item in &other.get().items.0 {
            if !items.0.contains(item) {
                items.0.push(item.clone());
            }
        }
        Self { items }
    }

    fn __repr__(&self) -> String {
        wire("FetchPlan", |out| encode::fetch_items(&self.items, out))
    }
}

/// The keys of a SEARCH.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct SearchProgram {
    pub(crate) program: search::SearchProgram,
}

#[pymethods]
impl SearchProgram {
    #[getter]
    fn charset(&self) -> Option<&str> {
        self.program.charset.as_deref()
    }

    #[getter]
    fn needs_summary(&self) -> bool {
        self.program.needs_summary()
    }

    #[getter]
    fn needs_octets(&self) -> bool {
        self.program.needs_octets()
    }

    #[getter]
    fn is_fuzzy(&self) -> bool {
        self.program.is_fuzzy()
    }

    #[getter]
    fn uses_modseq(&self) -> bool {
        self.program.uses_modseq()
    }

    #[getter]
    fn uses_sequence_numbers(&self) -> bool {
        self.program.uses_sequence_numbers()
    }

    #[getter]
    fn filters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.program.filters())
    }

    fn filled(
        &self,
        criteria: HashMap<String, Octets>,
        limits: &Bound<'_, Limits>,
    ) -> PyResult<Self> {
        let settings = Settings::new(&limits.get().limits, true);
        let mut keys = HashMap::with_capacity(criteria.len());
        for (name, text) in criteria {
            let found = guarded(|| grammar::criteria(&text, settings))?
                .map_err(|problem| PyValueError::new_err(format!("filter {name}: {problem}")))?;
            keys.insert(name, found);
        }
        guarded(|| self.program.filled(&keys, settings))?
            .map(|program| Self { program })
            .map_err(|problem| PyValueError::new_err(problem.to_string()))
    }

    fn __repr__(&self) -> String {
        wire("SearchProgram", |out| {
            encode::search_program(&self.program, out)
        })
    }
}

/// The criteria of a SORT.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct SortOrder {
    pub(crate) criteria: Vec<command::SortCriterion>,
}

#[pymethods]
impl SortOrder {
    #[getter]
    fn needs_summary(&self) -> bool {
        self.criteria
            .iter()
            .any(|criterion| criterion.key.needs_header())
    }

    #[getter]
    fn by_relevancy(&self) -> bool {
        self.criteria
            .iter()
            .any(|criterion| criterion.key == command::SortKey::Relevancy)
    }

    fn __repr__(&self) -> String {
        wire("SortOrder", |out| {
            encode::sort_criteria(&self.criteria, out)
        })
    }
}

/// A `repr()` with the wire form in it.
fn wire(class: &str, encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode(&mut out);
    format!("{class}({})", String::from_utf8_lossy(&out))
}
