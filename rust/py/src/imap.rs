//! `lightmail._core.imap`: this file is a list of names. Shapes and meanings are in `imap.pyi`.

#[pyo3::pymodule]
pub mod imap {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::imap_arguments::{FetchPlan, SearchProgram, SequenceSet, SortOrder};
    #[pymodule_export]
    use crate::imap_commands::{
        Authenticate, CancelUpdate, Capability, Check, Close, Command, Comparator, Compress, Copy,
        Create, Delete, DeleteAcl, Enable, EventGroup, Expunge, Fetch, Filter, GetAcl, GetMetadata,
        GetQuota, GetQuotaRoot, Id, Idle, Language, List, ListRights, Login, Logout, Lsub, Move,
        MyRights, Namespace, Noop, Notify, Qresync, Rename, Select, SetAcl, SetMetadata, SetQuota,
        StartTls, Status, Store, Subscribe, UidBatches, Unauthenticate, Unselect, Unsubscribe,
        Xlist,
    };
    #[pymodule_export]
    use crate::imap_decoder::{Decoder, Limits};
    #[pymodule_export]
    use crate::imap_encoding::{decode_utf7, mailbox_name, string};
    #[pymodule_export]
    use crate::imap_events::{
        AppendEnd, AppendMessage, AppendMessageEnd, AppendText, AppendUrl, Continue, Line,
        LiteralData, Malformed, MessageUrl, ReplaceMessage,
    };
    #[pymodule_export]
    use crate::imap_searches::{check_criteria, Esearch, Search, Sort, Thread};

    /// `Event`: the union of all that `Decoder.next()` returns, for annotations.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let mut event = module.getattr("Command")?;
        for name in [
            "Continue",
            "AppendMessage",
            "LiteralData",
            "AppendEnd",
            "AppendUrl",
            "AppendText",
            "AppendMessageEnd",
            "Line",
            "Malformed",
        ] {
            event = event.bitor(module.getattr(name)?)?;
        }
        module.add("Event", event)
    }
}
