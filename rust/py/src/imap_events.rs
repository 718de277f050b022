//! Events that are not commands, as Python sees them.

use lightmail_imap::command::Replaced;
use lightmail_imap::decoder::{self, Event};
use lightmail_imap::fetch::{FetchItem, FetchItems};
use lightmail_imap::url;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};
use pyo3::PyClass;

use crate::imap_arguments::{FetchPlan, SequenceSet};
use crate::imap_making::{self, flags};

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
    catenate: bool,
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

/// A message, or a part of one, that an URL names.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct MessageUrl {
    mailbox: Option<Py<PyString>>,
    absolute: bool,
    uid_validity: Option<u32>,
    uid: u32,
    plan: Py<FetchPlan>,
}

/// A part of a CATENATE that is octets of another message.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct AppendUrl {
    url: Py<PyBytes>,
    target: Option<Py<MessageUrl>>,
}

/// A part of a CATENATE that is a literal.
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct AppendText {
    octets: u64,
    synchronizing: bool,
}

/// All parts of a CATENATE are there.
#[pyclass(frozen, module = "lightmail._core.imap")]
pub struct AppendMessageEnd;

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
        Event::Command(command) => imap_making::to_python(py, command),
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
        Event::AppendUrl(url) => {
            let fields = AppendUrl {
                url: PyBytes::new(py, &url.octets).unbind(),
                target: match url.target {
                    Some(target) => Some(Py::new(py, message_url(py, target)?)?),
                    None => None,
                },
            };
            object(py, fields)
        }
        Event::AppendText {
            octets,
            synchronizing,
        } => {
            let fields = AppendText {
                octets,
                synchronizing,
            };
            object(py, fields)
        }
        Event::AppendMessageEnd => object(py, AppendMessageEnd),
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
        catenate: message.head.catenate,
        first: message.first,
    })
}

fn message_url(py: Python<'_>, target: url::MessageUrl) -> PyResult<MessageUrl> {
    let item = FetchItem::BodySection {
        section: target.section,
        peek: true,
        partial: target.partial,
    };
    let items = FetchItems(vec![item]);
    Ok(MessageUrl {
        mailbox: target
            .mailbox
            .map(|name| PyString::new(py, name.as_str()).unbind()),
        absolute: target.absolute,
        uid_validity: target.uid_validity,
        uid: target.uid,
        plan: Py::new(py, FetchPlan { items })?,
    })
}

fn object<T>(py: Python<'_>, fields: T) -> PyResult<Py<PyAny>>
where
    T: PyClass<BaseType = PyAny> + Into<PyClassInitializer<T>>,
{
    Ok(Py::new(py, fields)?.into_any())
}
