//! Events that are not commands, as Python sees them.

use lightmail_imap::command::Replaced;
use lightmail_imap::decoder::{self, Event};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use pyo3::PyClass;

use crate::imap_arguments::SequenceSet;
use crate::imap_commands::{self, flags};

/// Send a continuation request now.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct Continue;

#[pymethods]
impl Continue {
    fn __repr__(&self) -> &'static str {
        "Continue()"
    }
}

/// An APPEND has come to a message literal.
#[pyclass(subclass, frozen, get_all, module = "lightmail._core.imap")]
pub struct AppendMessage {
    tag: Py<PyString>,
    mailbox: Py<PyString>,
    flags: Py<PyTuple>,
    internaldate: Option<(i64, i32)>,
    octets: u64,
    synchronizing: bool,
    binary: bool,
    utf8: bool,
    first: bool,
}

#[pymethods]
impl AppendMessage {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "AppendMessage(tag={}, mailbox={}, octets={})",
            self.tag.bind(py).repr()?,
            self.mailbox.bind(py).repr()?,
            self.octets
        ))
    }
}

/// A REPLACE has come to its message literal.
#[pyclass(extends = AppendMessage, frozen, get_all, module = "lightmail._core.imap")]
pub struct ReplaceMessage {
    uid: bool,
    set: Py<SequenceSet>,
}

/// Some octets of the accepted literal.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct LiteralData {
    pub(crate) data: Py<PyBytes>,
    pub(crate) last: bool,
}

/// The APPEND is complete.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct AppendEnd {
    tag: Py<PyString>,
}

/// A line that was asked for.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct Line {
    data: Py<PyBytes>,
}

/// A command that cannot be one.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct Malformed {
    tag: Option<Py<PyString>>,
    message: Py<PyString>,
    offset: usize,
    too_big: bool,
    fatal: bool,
}

#[pymethods]
impl Malformed {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "Malformed({}{})",
            self.message.bind(py).repr()?,
            if self.fatal { ", fatal" } else { "" }
        ))
    }
}

/// An event to its Python object.
pub fn to_python(py: Python<'_>, event: Event<'_>) -> PyResult<Py<PyAny>> {
    match event {
        Event::Command(command) => imap_commands::to_python(py, command),
        Event::Continue => object(py, Continue),
        Event::AppendMessage(message) => {
            let fields = append_message(py, &message)?;
            match message.replaced {
                None => object(py, fields),
                Some(Replaced { uid, set }) => {
                    let set = Py::new(py, SequenceSet { set })?;
                    let replace = ReplaceMessage { uid, set };
                    let made = PyClassInitializer::from(fields).add_subclass(replace);
                    Ok(Py::new(py, made)?.into_any())
                }
            }
        }
        Event::LiteralData { octets, last } => {
            let data = PyBytes::new(py, octets).unbind();
            object(py, LiteralData { data, last })
        }
        Event::AppendEnd(tag) => {
            let tag = PyString::new(py, tag.as_str()).unbind();
            object(py, AppendEnd { tag })
        }
        Event::Line(octets) => {
            let data = PyBytes::new(py, octets).unbind();
            object(py, Line { data })
        }
        Event::Malformed(malformed) => {
            let tag = malformed
                .tag
                .map(|tag| PyString::new(py, tag.as_str()).unbind());
            let fields = Malformed {
                tag,
                message: PyString::new(py, &malformed.error.to_string()).unbind(),
                offset: malformed.error.offset,
                too_big: malformed.error.is_limit(),
                fatal: malformed.fatal,
            };
            object(py, fields)
        }
    }
}

fn append_message(py: Python<'_>, message: &decoder::AppendMessage) -> PyResult<AppendMessage> {
    Ok(AppendMessage {
        tag: PyString::new(py, message.tag.as_str()).unbind(),
        mailbox: PyString::new(py, message.mailbox.as_str()).unbind(),
        flags: flags(py, &message.head.flags)?,
        internaldate: message
            .head
            .internaldate
            .map(|date| (date.seconds, date.zone_minutes)),
        octets: message.octets,
        synchronizing: message.synchronizing,
        binary: message.binary,
        utf8: message.head.utf8,
        first: message.first,
    })
}

fn object<T>(py: Python<'_>, fields: T) -> PyResult<Py<PyAny>>
where
    T: PyClass<BaseType = PyAny> + Into<PyClassInitializer<T>>,
{
    Ok(Py::new(py, fields)?.into_any())
}
