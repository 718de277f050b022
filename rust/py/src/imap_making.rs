//! Commands for Python from the typed commands of `lightmail_imap`.

use lightmail_imap::command as rust;
use lightmail_imap::command::Body;
use lightmail_imap::partial::PartialRange;
use lightmail_imap::watch;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyString, PyTuple};
use pyo3::PyClass;

use crate::imap_arguments::{FetchPlan, SequenceSet};
use crate::imap_commands::*;
use crate::imap_searches;

/// A typed command to its Python object.
pub fn to_python(py: Python<'_>, command: rust::Command) -> PyResult<Py<PyAny>> {
    let make = Make {
        py,
        base: Command {
            tag: PyString::new(py, command.tag.as_str()).unbind(),
            name: command.body.name(),
        },
    };
    match command.body {
        Body::Capability => make.object(Capability),
        Body::Noop => make.object(Noop),
        Body::Logout => make.object(Logout),
        Body::StartTls => make.object(StartTls),
        Body::Compress => make.object(Compress),
        Body::Unauthenticate => make.object(Unauthenticate),
        Body::Check => make.object(Check),
        Body::Close => make.object(Close),
        Body::Unselect => make.object(Unselect),
        Body::Idle => make.object(Idle),
        Body::Namespace => make.object(Namespace),
        Body::Fetch(fetch) => {
            let fields = Fetch {
                uid: fetch.uid,
                set: set(py, fetch.set)?,
                plan: Py::new(py, FetchPlan { items: fetch.items })?,
                changed_since: fetch.changed_since,
                vanished: fetch.vanished,
                partial: fetch.partial.map(window),
            };
            make.object(fields)
        }
        Body::Search(search) => imap_searches::search(make, search),
        Body::Thread(thread) => imap_searches::thread(make, thread),
        Body::Sort(sort) => imap_searches::sort(make, sort),
        Body::MultiSearch(multi) => imap_searches::multi_search(make, multi),
        Body::CancelUpdate(tags) => make.object(CancelUpdate {
            tags: PyTuple::new(py, tags)?.unbind(),
        }),
        Body::Notify(notify) => {
            let status = notify.as_ref().is_some_and(|notify| notify.status);
            let groups = match notify {
                Some(notify) => Some(event_groups(py, notify.groups)?),
                None => None,
            };
            make.object(Notify { status, groups })
        }
        Body::Store(store) => {
            let fields = Store {
                uid: store.uid,
                set: set(py, store.set)?,
                op: store_op(store.op),
                silent: store.silent,
                flags: flags(py, &store.flags)?,
                unchanged_since: store.unchanged_since,
            };
            make.object(fields)
        }
        Body::Copy(copy) => {
            let (uid, set, mailbox) = copied(py, copy)?;
            make.object(Copy { uid, set, mailbox })
        }
        Body::Move(copy) => {
            let (uid, set, mailbox) = copied(py, copy)?;
            make.object(Move { uid, set, mailbox })
        }
        Body::UidBatches { size, batches } => make.object(UidBatches { size, batches }),
        Body::Expunge(uids) => {
            let uids = optional_set(py, uids)?;
            make.object(Expunge { uids })
        }
        Body::Id(params) => {
            let params = match params {
                Some(pairs) => Some(dict(py, pairs)?),
                None => None,
            };
            make.object(Id { params })
        }
        Body::Authenticate(auth) => make.object(Authenticate {
            mechanism: text(py, &auth.mechanism),
            initial: auth.initial.map(|secret| octets(py, secret.expose())),
        }),
        Body::Login(login) => make.object(Login {
            username: octets(py, &login.username),
            password: octets(py, login.password.expose()),
        }),
        Body::Enable(names) => make.object(Enable {
            capabilities: PyTuple::new(py, names)?.unbind(),
        }),
        Body::Select(select) => {
            let fields = Select {
                mailbox: text(py, select.mailbox.as_str()),
                examine: select.examine,
                condstore: select.condstore,
                qresync: match select.qresync {
                    Some(known) => Some(qresync(py, known)?),
                    None => None,
                },
            };
            make.object(fields)
        }
        Body::Create(create) => make.object(Create {
            mailbox: text(py, create.mailbox.as_str()),
            special_use: flags(py, &create.special_use)?,
        }),
        Body::Delete(mailbox) => make.object(Delete {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::Rename { source, target } => make.object(Rename {
            source: text(py, source.as_str()),
            target: text(py, target.as_str()),
        }),
        Body::Subscribe(mailbox) => make.object(Subscribe {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::Unsubscribe(mailbox) => make.object(Unsubscribe {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::List(list) => make.object(List {
            reference: text(py, &list.reference),
            patterns: PyTuple::new(py, list.patterns)?.unbind(),
            extended: list.extended,
            select: words(py, list.select.iter().map(|option| option.as_str()))?,
            returns: words(py, list.returns.iter().map(|option| option.as_str()))?,
            status: status_items(py, &list.status)?,
            metadata: PyTuple::new(py, list.metadata)?.unbind(),
        }),
        Body::SetAcl(acl) => make.object(SetAcl {
            mailbox: text(py, acl.mailbox.as_str()),
            identifier: text(py, &acl.identifier),
            op: store_op(acl.op),
            rights: text(py, &acl.rights),
        }),
        Body::DeleteAcl(acl) => make.object(DeleteAcl {
            mailbox: text(py, acl.mailbox.as_str()),
            identifier: text(py, &acl.identifier),
        }),
        Body::GetAcl(mailbox) => make.object(GetAcl {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::ListRights(acl) => make.object(ListRights {
            mailbox: text(py, acl.mailbox.as_str()),
            identifier: text(py, &acl.identifier),
        }),
        Body::MyRights(mailbox) => make.object(MyRights {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::Lsub { reference, pattern } => make.object(Lsub {
            reference: text(py, &reference),
            pattern: text(py, &pattern),
        }),
        Body::Xlist { reference, pattern } => make.object(Xlist {
            reference: text(py, &reference),
            pattern: text(py, &pattern),
        }),
        Body::Language(ranges) => make.object(Language {
            ranges: PyTuple::new(py, ranges)?.unbind(),
        }),
        Body::Comparator(wanted) => make.object(Comparator {
            wanted: PyTuple::new(py, wanted)?.unbind(),
        }),
        Body::GetQuota(root) => make.object(GetQuota {
            root: text(py, &root),
        }),
        Body::GetQuotaRoot(mailbox) => make.object(GetQuotaRoot {
            mailbox: text(py, mailbox.as_str()),
        }),
        Body::SetQuota(set) => make.object(SetQuota {
            root: text(py, &set.root),
            limits: PyTuple::new(py, set.limits)?.unbind(),
        }),
        Body::GetMetadata(get) => make.object(GetMetadata {
            mailbox: text(py, get.mailbox.as_str()),
            entries: PyTuple::new(py, get.entries)?.unbind(),
            max_octets: get.max_octets,
            depth: match get.depth {
                rust::Depth::Zero => "0",
                rust::Depth::One => "1",
                rust::Depth::Infinity => "infinity",
            },
        }),
        Body::SetMetadata(set) => {
            let values = set.values.iter();
            let values = values
                .map(|(entry, value)| (entry, value.as_deref().map(|value| octets(py, value))));
            make.object(SetMetadata {
                mailbox: text(py, set.mailbox.as_str()),
                values: PyTuple::new(py, values)?.unbind(),
            })
        }
        Body::Status { mailbox, items } => make.object(Status {
            mailbox: text(py, mailbox.as_str()),
            items: status_items(py, &items)?,
        }),
    }
}

/// The parts of a command object that is being made.
pub struct Make<'py> {
    pub py: Python<'py>,
    base: Command,
}

impl<'py> Make<'py> {
    /// Of a command with the tag and the name of this one.
    pub fn like(py: Python<'py>, command: &Command) -> Self {
        let tag = command.tag.clone_ref(py);
        let name = command.name;
        Self {
            py,
            base: Command { tag, name },
        }
    }

    pub fn object<T>(self, fields: T) -> PyResult<Py<PyAny>>
    where
        T: PyClass<BaseType = Command>,
    {
        let object = PyClassInitializer::from(self.base).add_subclass(fields);
        Ok(Py::new(self.py, object)?.into_any())
    }
}

fn store_op(op: rust::StoreOp) -> &'static str {
    match op {
        rust::StoreOp::Set => "set",
        rust::StoreOp::Add => "add",
        rust::StoreOp::Remove => "remove",
    }
}

fn text(py: Python<'_>, text: &str) -> Py<PyString> {
    PyString::new(py, text).unbind()
}

fn octets(py: Python<'_>, octets: &[u8]) -> Py<PyBytes> {
    PyBytes::new(py, octets).unbind()
}

pub fn words<'a>(
    py: Python<'_>,
    words: impl Iterator<Item = &'a str>,
) -> PyResult<Py<PyFrozenSet>> {
    Ok(PyFrozenSet::new(py, words)?.unbind())
}

fn status_items(py: Python<'_>, items: &[rust::StatusItem]) -> PyResult<Py<PyTuple>> {
    Ok(PyTuple::new(py, items.iter().map(|item| item.as_str()))?.unbind())
}

/// Flags as a tuple of text.
pub fn flags(py: Python<'_>, flags: &[rust::Flag]) -> PyResult<Py<PyTuple>> {
    Ok(PyTuple::new(py, flags.iter().map(rust::Flag::as_str))?.unbind())
}

fn set(py: Python<'_>, set: lightmail_imap::set::SequenceSet) -> PyResult<Py<SequenceSet>> {
    Py::new(py, SequenceSet { set })
}

fn optional_set(
    py: Python<'_>,
    found: Option<lightmail_imap::set::SequenceSet>,
) -> PyResult<Option<Py<SequenceSet>>> {
    found.map(|found| set(py, found)).transpose()
}

pub fn plan(
    py: Python<'_>,
    items: Option<lightmail_imap::fetch::FetchItems>,
) -> PyResult<Option<Py<FetchPlan>>> {
    items
        .map(|items| Py::new(py, FetchPlan { items }))
        .transpose()
}

fn filter(py: Python<'_>, filter: &watch::Filter) -> PyResult<Py<Filter>> {
    let names = filter.names().iter().map(rust::Mailbox::as_str);
    let names = PyTuple::new(py, names.collect::<Vec<_>>())?.unbind();
    let kind = filter.as_str();
    Py::new(py, Filter { kind, names })
}

pub fn filters(py: Python<'_>, found: &[watch::Filter]) -> PyResult<Py<PyTuple>> {
    let found = found
        .iter()
        .map(|each| filter(py, each))
        .collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, found)?.unbind())
}

fn event_groups(py: Python<'_>, groups: Vec<watch::EventGroup>) -> PyResult<Py<PyTuple>> {
    let groups = groups
        .into_iter()
        .map(|group| {
            let found = EventGroup {
                filter: filter(py, &group.filter)?,
                events: words(py, group.events.iter().map(String::as_str))?,
                attributes: plan(py, group.attributes)?,
            };
            Py::new(py, found)
        })
        .collect::<PyResult<Vec<_>>>()?;
    Ok(PyTuple::new(py, groups)?.unbind())
}

fn copied(py: Python<'_>, copy: rust::Copy) -> PyResult<(bool, Py<SequenceSet>, Py<PyString>)> {
    Ok((
        copy.uid,
        set(py, copy.set)?,
        text(py, copy.mailbox.as_str()),
    ))
}

fn qresync(py: Python<'_>, known: rust::Qresync) -> PyResult<Py<Qresync>> {
    let (seqs, uids) = known.seq_match.unzip();
    Py::new(
        py,
        Qresync {
            uid_validity: known.uid_validity,
            modseq: known.modseq,
            known_uids: optional_set(py, known.known_uids)?,
            match_seqs: optional_set(py, seqs)?,
            match_uids: optional_set(py, uids)?,
        },
    )
}

fn dict(py: Python<'_>, pairs: Vec<(String, Option<String>)>) -> PyResult<Py<PyDict>> {
    let found = PyDict::new(py);
    for (field, value) in pairs {
        found.set_item(field, value)?;
    }
    Ok(found.unbind())
}

pub fn window(range: PartialRange) -> Window {
    let sign = if range.from_end { -1 } else { 1 };
    (sign * i64::from(range.first), sign * i64::from(range.last))
}
