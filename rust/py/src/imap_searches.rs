//! Commands that search, as Python sees them, and the criteria that are kept for them under a name.

use lightmail_imap::command as rust;
use lightmail_imap::grammar::{self, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PyTuple};

use crate::error::guarded;
use crate::imap_arguments::{FetchPlan, SearchProgram, SortOrder};
use crate::imap_commands::{Command, Window};
use crate::imap_decoder::Limits;
use crate::imap_making::{filters, plan, window, words, Make};
use crate::octets::Octets;

/// Another hold of a field.
trait Again {
    fn again(&self, py: Python<'_>) -> Self;
}

impl<T> Again for Py<T> {
    fn again(&self, py: Python<'_>) -> Self {
        self.clone_ref(py)
    }
}

impl<T: Again> Again for Option<T> {
    fn again(&self, py: Python<'_>) -> Self {
        self.as_ref().map(|found| found.again(py))
    }
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Again for $type {
            fn again(&self, _py: Python<'_>) -> Self {
                *self
            }
        }
    )*};
}

plain!(bool, &'static str, Window);

/// Classes of commands with a search program, which is their last field.
macro_rules! searches {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[pyclass(extends = Command, frozen, get_all, module = "lightmail._core.imap")]
        pub struct $name {
            $($field: $type,)*
            program: Py<SearchProgram>,
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn _fields(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, [$(stringify!($field),)* "program"])
            }

            fn with_program(slf: &Bound<'_, Self>, program: Py<SearchProgram>) -> PyResult<Py<PyAny>> {
                let (py, this) = (slf.py(), slf.get());
                Make::like(py, slf.as_super().get()).object($name {
                    $($field: this.$field.again(py),)*
                    program,
                })
            }
        }
    )*};
}

searches! {
    /// SEARCH, UID SEARCH
    Search {
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
    }
    /// THREAD, UID THREAD
    Thread { uid: bool, algorithm: &'static str, }
    /// SORT, UID SORT
    Sort {
        order: Py<SortOrder>,
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
    }
    /// ESEARCH
    Esearch {
        sources: Option<Py<PyTuple>>,
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
    }
}

pub fn search(make: Make<'_>, search: rust::Search) -> PyResult<Py<PyAny>> {
    let partial = search.partial.map(window);
    let (uid, returns, update, program) = searched(make.py, search)?;
    make.object(Search {
        uid,
        returns,
        partial,
        update,
        program,
    })
}

pub fn thread(make: Make<'_>, thread: rust::Thread) -> PyResult<Py<PyAny>> {
    let program = thread.program;
    let fields = Thread {
        uid: thread.uid,
        algorithm: thread.algorithm.as_str(),
        program: Py::new(make.py, SearchProgram { program })?,
    };
    make.object(fields)
}

pub fn sort(make: Make<'_>, sort: rust::Sort) -> PyResult<Py<PyAny>> {
    let criteria = sort.criteria;
    let order = Py::new(make.py, SortOrder { criteria })?;
    let partial = sort.search.partial.map(window);
    let (uid, returns, update, program) = searched(make.py, sort.search)?;
    make.object(Sort {
        order,
        uid,
        returns,
        partial,
        update,
        program,
    })
}

pub fn multi_search(make: Make<'_>, multi: rust::MultiSearch) -> PyResult<Py<PyAny>> {
    let sources = match multi.sources {
        Some(sources) => Some(filters(make.py, &sources)?),
        None => None,
    };
    let partial = multi.search.partial.map(window);
    let (uid, returns, update, program) = searched(make.py, multi.search)?;
    make.object(Esearch {
        sources,
        uid,
        returns,
        partial,
        update,
        program,
    })
}

/// The fields of a search.
type Searched = (
    bool,
    Option<Py<PyFrozenSet>>,
    Option<Py<FetchPlan>>,
    Py<SearchProgram>,
);

fn searched(py: Python<'_>, search: rust::Search) -> PyResult<Searched> {
    let returns = match search.returns {
        Some(returns) => Some(words(py, returns.iter().map(|option| option.as_str()))?),
        None => None,
    };
    let program = SearchProgram {
        program: search.program,
    };
    Ok((
        search.uid,
        returns,
        plan(py, search.update)?,
        Py::new(py, program)?,
    ))
}

/// Whether a filter may have this value.
#[pyfunction]
pub fn check_criteria(text: Octets, limits: &Bound<'_, Limits>) -> PyResult<()> {
    let settings = Settings::new(&limits.get().limits, true);
    guarded(|| grammar::criteria(&text, settings))?
        .map(|_| ())
        .map_err(|problem| PyValueError::new_err(problem.to_string()))
}
