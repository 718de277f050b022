//! Commands as Python sees them, and their making from the typed commands of `lightmail_imap`.

use lightmail_imap::command as rust;
use lightmail_imap::command::Body;
use lightmail_imap::partial::PartialRange;
use lightmail_imap::watch;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyString, PyTuple};
use pyo3::PyClass;

use crate::imap_arguments::{FetchPlan, SearchProgram, SequenceSet, SortOrder};

/// Fields that no `repr()` shows.
const SECRET_FIELDS: [&str; 2] = ["password", "initial"];

/// What every command has.
#[pyclass(subclass, frozen, module = "lightmail._core.imap")]
pub struct Command {
    tag: Py<PyString>,
    name: &'static str,
}

#[pymethods]
impl Command {
    #[getter]
    fn tag(&self, py: Python<'_>) -> Py<PyString> {
        self.tag.clone_ref(py)
    }

    /// For logs and metrics: "UID FETCH".
    #[getter]
    fn name(&self) -> &'static str {
        self.name
    }

    /// Names of the fields that a subclass adds, for `repr()`.
    #[classattr]
    fn _fields(py: Python<'_>) -> Bound<'_, PyTuple> {
        PyTuple::empty(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let mut text = format!(
            "{}(tag={}",
            class.name()?,
            slf.get().tag.bind(slf.py()).repr()?
        );
        let fields = class.getattr("_fields")?.cast_into::<PyTuple>()?;
        for field in fields.iter() {
            let field = field.cast_into::<PyString>()?;
            let field_name = field.to_str()?;
            let value = slf.getattr(&field)?;
            if SECRET_FIELDS.contains(&field_name) && !value.is_none() {
                text.push_str(&format!(", {field_name}=…"));
            } else {
                text.push_str(&format!(", {field_name}={}", value.repr()?));
            }
        }
        text.push(')');
        Ok(text)
    }
}

/// A window of results as a pair of positions, negative when they count from the end.
type Window = (i64, i64);

fn window(range: PartialRange) -> Window {
    let sign = if range.from_end { -1 } else { 1 };
    (sign * i64::from(range.first), sign * i64::from(range.last))
}

/// Classes of commands without arguments.
macro_rules! plain_commands {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyclass(extends = Command, frozen, module = "lightmail._core.imap")]
        pub struct $name;
    )*};
}

/// Classes of commands with arguments.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[pyclass(extends = Command, frozen, get_all, module = "lightmail._core.imap")]
        pub struct $name { $($field: $type,)* }

        #[pymethods]
        impl $name {
            #[classattr]
            fn _fields(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, [$(stringify!($field)),*])
            }
        }
    )*};
}

plain_commands! {
    /// CAPABILITY
    Capability;
    /// NOOP
    Noop;
    /// LOGOUT
    Logout;
    /// STARTTLS
    StartTls;
    /// COMPRESS
    Compress;
    /// UNAUTHENTICATE
    Unauthenticate;
    /// CHECK
    Check;
    /// CLOSE
    Close;
    /// UNSELECT
    Unselect;
    /// IDLE
    Idle;
    /// NAMESPACE
    Namespace;
}

commands! {
    /// ID
    Id { params: Option<Py<PyDict>>, }
    /// AUTHENTICATE
    Authenticate { mechanism: Py<PyString>, initial: Option<Py<PyBytes>>, }
    /// LOGIN
    Login { username: Py<PyBytes>, password: Py<PyBytes>, }
    /// ENABLE
    Enable { capabilities: Py<PyTuple>, }
    /// SELECT, EXAMINE
    Select { mailbox: Py<PyString>, examine: bool, condstore: bool, qresync: Option<Py<Qresync>>, }
    /// CREATE
    Create { mailbox: Py<PyString>, special_use: Py<PyTuple>, }
    /// DELETE
    Delete { mailbox: Py<PyString>, }
    /// RENAME
    Rename { source: Py<PyString>, target: Py<PyString>, }
    /// SUBSCRIBE
    Subscribe { mailbox: Py<PyString>, }
    /// UNSUBSCRIBE
    Unsubscribe { mailbox: Py<PyString>, }
    /// LIST
    List {
        reference: Py<PyString>,
        patterns: Py<PyTuple>,
        extended: bool,
        select: Py<PyFrozenSet>,
        returns: Py<PyFrozenSet>,
        status: Py<PyTuple>,
        metadata: Py<PyTuple>,
    }
    /// LSUB
    Lsub { reference: Py<PyString>, pattern: Py<PyString>, }
    /// XLIST
    Xlist { reference: Py<PyString>, pattern: Py<PyString>, }
    /// STATUS
    Status { mailbox: Py<PyString>, items: Py<PyTuple>, }
    /// GETQUOTA
    GetQuota { root: Py<PyString>, }
    /// GETQUOTAROOT
    GetQuotaRoot { mailbox: Py<PyString>, }
    /// SETQUOTA
    SetQuota { root: Py<PyString>, limits: Py<PyTuple>, }
    /// SETACL
    SetAcl {
        mailbox: Py<PyString>,
        identifier: Py<PyString>,
        op: &'static str,
        rights: Py<PyString>,
    }
    /// DELETEACL
    DeleteAcl { mailbox: Py<PyString>, identifier: Py<PyString>, }
    /// GETACL
    GetAcl { mailbox: Py<PyString>, }
    /// LISTRIGHTS
    ListRights { mailbox: Py<PyString>, identifier: Py<PyString>, }
    /// MYRIGHTS
    MyRights { mailbox: Py<PyString>, }
    /// GETMETADATA
    GetMetadata {
        mailbox: Py<PyString>,
        entries: Py<PyTuple>,
        max_octets: Option<u32>,
        depth: &'static str,
    }
    /// SETMETADATA
    SetMetadata { mailbox: Py<PyString>, values: Py<PyTuple>, }
    /// EXPUNGE, UID EXPUNGE
    Expunge { uids: Option<Py<SequenceSet>>, }
    /// UIDBATCHES
    UidBatches { size: u32, batches: Option<(u32, u32)>, }
    /// SEARCH, UID SEARCH
    Search {
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
        program: Py<SearchProgram>,
    }
    /// THREAD, UID THREAD
    Thread { uid: bool, algorithm: &'static str, program: Py<SearchProgram>, }
    /// SORT, UID SORT
    Sort {
        order: Py<SortOrder>,
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
        program: Py<SearchProgram>,
    }
    /// ESEARCH
    Esearch {
        sources: Option<Py<PyTuple>>,
        uid: bool,
        returns: Option<Py<PyFrozenSet>>,
        partial: Option<Window>,
        update: Option<Py<FetchPlan>>,
        program: Py<SearchProgram>,
    }
    /// CANCELUPDATE
    CancelUpdate { tags: Py<PyTuple>, }
    /// NOTIFY
    Notify { status: bool, groups: Option<Py<PyTuple>>, }
    /// FETCH, UID FETCH
    Fetch {
        uid: bool,
        set: Py<SequenceSet>,
        plan: Py<FetchPlan>,
        changed_since: Option<u64>,
        vanished: bool,
        partial: Option<Window>,
    }
    /// STORE, UID STORE
    Store {
        uid: bool,
        set: Py<SequenceSet>,
        op: &'static str,
        silent: bool,
        flags: Py<PyTuple>,
        unchanged_since: Option<u64>,
    }
    /// COPY, UID COPY
    Copy { uid: bool, set: Py<SequenceSet>, mailbox: Py<PyString>, }
    /// MOVE, UID MOVE
    Move { uid: bool, set: Py<SequenceSet>, mailbox: Py<PyString>, }
}

/// What the client knows of a mailbox (RFC 7162 §3.2.5).
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct Qresync {
    uid_validity: u32,
    modseq: u64,
    known_uids: Option<Py<SequenceSet>>,
    match_seqs: Option<Py<SequenceSet>>,
    match_uids: Option<Py<SequenceSet>>,
}

/// Which mailboxes (RFC 5465 §6).
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct Filter {
    kind: &'static str,
    names: Py<PyTuple>,
}

/// What a client wants to be told of some mailboxes (RFC 5465 §8).
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct EventGroup {
    filter: Py<Filter>,
    events: Py<PyFrozenSet>,
    attributes: Option<Py<FetchPlan>>,
}

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
        Body::Search(search) => {
            let partial = search.partial.map(window);
            let (uid, returns, update, program) = searched(py, search)?;
            make.object(Search {
                uid,
                returns,
                partial,
                update,
                program,
            })
        }
        Body::Thread(thread) => {
            let program = thread.program;
            let fields = Thread {
                uid: thread.uid,
                algorithm: thread.algorithm.as_str(),
                program: Py::new(py, SearchProgram { program })?,
            };
            make.object(fields)
        }
        Body::Sort(sort) => {
            let criteria = sort.criteria;
            let order = Py::new(py, SortOrder { criteria })?;
            let partial = sort.search.partial.map(window);
            let (uid, returns, update, program) = searched(py, sort.search)?;
            make.object(Sort {
                order,
                uid,
                returns,
                partial,
                update,
                program,
            })
        }
        Body::MultiSearch(multi) => {
            let sources = match multi.sources {
                Some(sources) => Some(filters(py, &sources)?),
                None => None,
            };
            let partial = multi.search.partial.map(window);
            let (uid, returns, update, program) = searched(py, multi.search)?;
            make.object(Esearch {
                sources,
                uid,
                returns,
                partial,
                update,
                program,
            })
        }
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
struct Make<'py> {
    py: Python<'py>,
    base: Command,
}

impl Make<'_> {
    fn object<T>(self, fields: T) -> PyResult<Py<PyAny>>
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

fn words<'a>(py: Python<'_>, words: impl Iterator<Item = &'a str>) -> PyResult<Py<PyFrozenSet>> {
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

fn plan(
    py: Python<'_>,
    items: Option<lightmail_imap::fetch::FetchItems>,
) -> PyResult<Option<Py<FetchPlan>>> {
    items
        .map(|items| Py::new(py, FetchPlan { items }))
        .transpose()
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

fn filter(py: Python<'_>, filter: &watch::Filter) -> PyResult<Py<Filter>> {
    let names = filter.names().iter().map(rust::Mailbox::as_str);
    let names = PyTuple::new(py, names.collect::<Vec<_>>())?.unbind();
    let kind = filter.as_str();
    Py::new(py, Filter { kind, names })
}

fn filters(py: Python<'_>, found: &[watch::Filter]) -> PyResult<Py<PyTuple>> {
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
