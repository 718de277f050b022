//! Commands as Python sees them; `imap_making` makes them.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyString, PyTuple};

use crate::imap_arguments::{FetchPlan, SequenceSet};

/// Fields that no `repr()` shows.
const SECRET_FIELDS: [&str; 2] = ["password", "initial"];

/// What every command has.
#[pyclass(subclass, frozen, module = "lightmail._core.imap")]
pub struct Command {
    pub(crate) tag: Py<PyString>,
    pub(crate) name: &'static str,
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
pub type Window = (i64, i64);

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
        pub struct $name { $(pub(crate) $field: $type,)* }

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
    /// LANGUAGE
    Language { ranges: Py<PyTuple>, }
    /// COMPARATOR
    Comparator { wanted: Py<PyTuple>, }
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
    pub(crate) uid_validity: u32,
    pub(crate) modseq: u64,
    pub(crate) known_uids: Option<Py<SequenceSet>>,
    pub(crate) match_seqs: Option<Py<SequenceSet>>,
    pub(crate) match_uids: Option<Py<SequenceSet>>,
}

/// Which mailboxes (RFC 5465 §6).
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct Filter {
    pub(crate) kind: &'static str,
    pub(crate) names: Py<PyTuple>,
}

/// What a client wants to be told of some mailboxes (RFC 5465 §8).
#[pyclass(frozen, get_all, module = "lightmail._core.imap")]
pub struct EventGroup {
    pub(crate) filter: Py<Filter>,
    pub(crate) events: Py<PyFrozenSet>,
    pub(crate) attributes: Option<Py<FetchPlan>>,
}
