//! Commands back to octets, to be parsed again.

use lightmail_imap::command::{
    Body, Command, Copy, Depth, Flag, Search, SearchReturn, Select, StoreOp,
};
use lightmail_imap::encode::{
    astring, fetch_items, mailbox_name, quoted, search_criteria, search_program, sort_criteria,
    utf7,
};
use lightmail_imap::watch::Filter;

/// The text of a command without its line end, for a parser with these settings.
pub fn print(command: &Command, utf8: bool) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, &[command.tag.as_str(), " ", command.body.name()]);
    arguments(&command.body, utf8, &mut out);
    out
}

fn text(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

fn list(out: &mut Vec<u8>, words: impl Iterator<Item = impl AsRef<str>>) {
    let words: Vec<_> = words.map(|word| word.as_ref().to_owned()).collect();
    text(out, &["(", &words.join(" "), ")"]);
}

fn entries(out: &mut Vec<u8>, entries: &[String]) {
    for (index, entry) in entries.iter().enumerate() {
        text(out, &[if index > 0 { " " } else { "" }]);
        quoted(entry.as_bytes(), false, out);
    }
}

fn flags(out: &mut Vec<u8>, flags: &[Flag]) {
    list(out, flags.iter().map(Flag::as_str));
}

fn pattern(out: &mut Vec<u8>, pattern: &str, utf8: bool) {
    if utf8 {
        quoted(pattern.as_bytes(), true, out);
    } else {
        quoted(utf7::encode(pattern).as_bytes(), false, out);
    }
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let bits = group
            .iter()
            .chain([0; 3].iter())
            .take(3)
            .fold(0_usize, |bits, octet| bits << 8 | usize::from(*octet));
        for digit in 0..=group.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * digit) & 0x3f]));
        }
        text.push_str(&"=="[group.len() - 1..]);
    }
    if text.is_empty() {
        "=".to_owned()
    } else {
        text
    }
}

fn arguments(body: &Body, utf8: bool, out: &mut Vec<u8>) {
    match body {
        Body::Capability
        | Body::Noop
        | Body::Logout
        | Body::StartTls
        | Body::Unauthenticate
        | Body::Namespace
        | Body::Idle
        | Body::Check
        | Body::Close
        | Body::Unselect
        | Body::Expunge(None) => {}
        Body::Compress => text(out, &[" DEFLATE"]),
        Body::Expunge(Some(set)) => text(out, &[" ", &set.to_string()]),
        Body::Authenticate(authenticate) => {
            text(out, &[" ", &authenticate.mechanism]);
            if let Some(initial) = &authenticate.initial {
                text(out, &[" ", &base64(initial.expose())]);
            }
        }
        Body::Login(login) => {
            out.push(b' ');
            astring(&login.username, false, out);
            out.push(b' ');
            astring(login.password.expose(), false, out);
        }
        Body::Language(words) | Body::Comparator(words) => words.iter().for_each(|word| {
            out.push(b' ');
            astring(word.as_bytes(), false, out);
        }),
        Body::Enable(capabilities) => capabilities.iter().for_each(|name| text(out, &[" ", name])),
        Body::Id(None) => text(out, &[" NIL"]),
        Body::Id(Some(params)) => {
            text(out, &[" ("]);
            for (index, (field, value)) in params.iter().enumerate() {
                text(out, &[if index > 0 { " " } else { "" }]);
                quoted(field.as_bytes(), true, out);
                out.push(b' ');
                match value {
                    Some(value) => quoted(value.as_bytes(), true, out),
                    None => text(out, &["NIL"]),
                }
            }
            text(out, &[")"]);
        }
        Body::Select(select) => print_select(select, utf8, out),
        Body::Create(create) => {
            out.push(b' ');
            // The delimiter that would be taken off.
            mailbox_name(&format!("{}/", create.mailbox.as_str()), utf8, out);
            text(out, &[" (USE "]);
            flags(out, &create.special_use);
            text(out, &[")"]);
        }
        Body::Delete(name) | Body::Subscribe(name) | Body::Unsubscribe(name) => {
            out.push(b' ');
            mailbox_name(name.as_str(), utf8, out);
        }
        Body::Rename { source, target } => {
            out.push(b' ');
            mailbox_name(source.as_str(), utf8, out);
            out.push(b' ');
            mailbox_name(&format!("{}/", target.as_str()), utf8, out);
        }
        Body::List(options) => {
            if options.extended {
                out.push(b' ');
                list(out, options.select.iter().map(|option| option.as_str()));
            }
            out.push(b' ');
            pattern(out, &options.reference, utf8);
            text(out, &[if options.extended { " (" } else { " " }]);
            for (index, each) in options.patterns.iter().enumerate() {
                text(out, &[if index > 0 { " " } else { "" }]);
                pattern(out, each, utf8);
            }
            if options.extended {
                text(out, &[") RETURN ("]);
                for (index, option) in options.returns.iter().enumerate() {
                    text(out, &[if index > 0 { " " } else { "" }, option.as_str()]);
                    if option.as_str() == "STATUS" {
                        out.push(b' ');
                        list(out, options.status.iter().map(|item| item.as_str()));
                    }
                    if option.as_str() == "METADATA" {
                        out.extend_from_slice(b" (");
                        entries(out, &options.metadata);
                        out.push(b')');
                    }
                }
                text(out, &[")"]);
            }
        }
        Body::Lsub {
            reference,
            pattern: wanted,
        }
        | Body::Xlist {
            reference,
            pattern: wanted,
        } => {
            out.push(b' ');
            pattern(out, reference, utf8);
            out.push(b' ');
            pattern(out, wanted, utf8);
        }
        Body::SetAcl(acl) => {
            out.push(b' ');
            mailbox_name(acl.mailbox.as_str(), utf8, out);
            out.push(b' ');
            quoted(acl.identifier.as_bytes(), true, out);
            let sign = match acl.op {
                StoreOp::Set => "",
                StoreOp::Add => "+",
                StoreOp::Remove => "-",
            };
            text(out, &[" \"", sign, &acl.rights, "\""]);
        }
        Body::DeleteAcl(acl) | Body::ListRights(acl) => {
            out.push(b' ');
            mailbox_name(acl.mailbox.as_str(), utf8, out);
            out.push(b' ');
            quoted(acl.identifier.as_bytes(), true, out);
        }
        Body::GetAcl(mailbox) | Body::MyRights(mailbox) => {
            out.push(b' ');
            mailbox_name(mailbox.as_str(), utf8, out);
        }
        Body::Status { mailbox, items } => {
            out.push(b' ');
            mailbox_name(mailbox.as_str(), utf8, out);
            out.push(b' ');
            list(out, items.iter().map(|item| item.as_str()));
        }
        Body::GetQuota(root) => {
            out.push(b' ');
            mailbox_name(root, utf8, out);
        }
        Body::GetQuotaRoot(mailbox) => {
            out.push(b' ');
            mailbox_name(mailbox.as_str(), utf8, out);
        }
        Body::SetQuota(set) => {
            out.push(b' ');
            mailbox_name(&set.root, utf8, out);
            out.push(b' ');
            let limits = set.limits.iter();
            let words: Vec<String> = limits
                .map(|(resource, limit)| format!("{resource} {limit}"))
                .collect();
            list(out, words.iter().map(String::as_str));
        }
        Body::GetMetadata(get) => {
            out.push(b' ');
            if let Some(octets) = get.max_octets {
                text(out, &[&format!("(MAXSIZE {octets} DEPTH ")]);
            } else {
                text(out, &["(DEPTH "]);
            }
            text(
                out,
                &[match get.depth {
                    Depth::Zero => "0) ",
                    Depth::One => "1) ",
                    Depth::Infinity => "infinity) ",
                }],
            );
            mailbox_name(get.mailbox.as_str(), utf8, out);
            out.extend_from_slice(b" (");
            entries(out, &get.entries);
            out.push(b')');
        }
        Body::SetMetadata(set) => {
            out.push(b' ');
            mailbox_name(set.mailbox.as_str(), utf8, out);
            out.extend_from_slice(b" (");
            for (index, (entry, value)) in set.values.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                quoted(entry.as_bytes(), false, out);
                out.push(b' ');
                match value {
                    Some(octets) => quoted(octets, false, out),
                    None => out.extend_from_slice(b"NIL"),
                }
            }
            out.push(b')');
        }
        Body::Thread(thread) => {
            text(out, &[" ", thread.algorithm.as_str(), " "]);
            search_criteria(&thread.program, out);
        }
        Body::Sort(sort) => {
            print_returns(&sort.search, out);
            out.push(b' ');
            sort_criteria(&sort.criteria, out);
            out.push(b' ');
            search_criteria(&sort.search.program, out);
        }
        Body::UidBatches { size, batches } => {
            text(out, &[" ", &size.to_string()]);
            if let Some((first, last)) = batches {
                text(out, &[&format!(" {first}:{last}")]);
            }
        }
        Body::Search(search) => print_search(search, out),
        Body::MultiSearch(multi) => {
            if let Some(sources) = &multi.sources {
                text(out, &[" IN ("]);
                for (index, source) in sources.iter().enumerate() {
                    text(out, &[if index > 0 { " " } else { "" }]);
                    print_filter(source, utf8, out);
                }
                text(out, &[")"]);
            }
            print_search(&multi.search, out);
        }
        Body::CancelUpdate(tags) => {
            for tag in tags {
                out.push(b' ');
                quoted(tag.as_bytes(), true, out);
            }
        }
        Body::Notify(None) => text(out, &[" NONE"]),
        Body::Notify(Some(notify)) => {
            text(out, &[" SET", if notify.status { " STATUS" } else { "" }]);
            for group in &notify.groups {
                text(out, &[" ("]);
                print_filter(&group.filter, utf8, out);
                if group.events.is_empty() {
                    text(out, &[" NONE)"]);
                    continue;
                }
                text(out, &[" ("]);
                for (index, event) in group.events.iter().enumerate() {
                    text(out, &[if index > 0 { " " } else { "" }, event]);
                    if let (Some(items), "MESSAGENEW") = (&group.attributes, event.as_str()) {
                        out.push(b' ');
                        fetch_items(items, out);
                    }
                }
                text(out, &["))"]);
            }
        }
        Body::Fetch(fetch) => {
            text(out, &[" ", &fetch.set.to_string(), " "]);
            fetch_items(&fetch.items, out);
            let modifiers: Vec<String> = [
                fetch
                    .changed_since
                    .map(|modseq| format!("CHANGEDSINCE {modseq}")),
                fetch.vanished.then(|| "VANISHED".to_owned()),
                fetch.partial.map(|window| format!("PARTIAL {window}")),
            ]
            .into_iter()
            .flatten()
            .collect();
            if !modifiers.is_empty() {
                out.push(b' ');
                list(out, modifiers.iter());
            }
        }
        Body::Store(store) => {
            text(out, &[" ", &store.set.to_string(), " "]);
            if let Some(modseq) = store.unchanged_since {
                text(out, &["(UNCHANGEDSINCE ", &modseq.to_string(), ") "]);
            }
            let sign = match store.op {
                StoreOp::Set => "",
                StoreOp::Add => "+",
                StoreOp::Remove => "-",
            };
            text(
                out,
                &[
                    sign,
                    if store.silent {
                        "FLAGS.SILENT "
                    } else {
                        "FLAGS "
                    },
                ],
            );
            flags(out, &store.flags);
        }
        Body::Copy(copy) | Body::Move(copy) => print_copy(copy, utf8, out),
    }
}

fn print_search(search: &Search, out: &mut Vec<u8>) {
    print_returns(search, out);
    out.push(b' ');
    search_program(&search.program, out);
}

fn print_returns(search: &Search, out: &mut Vec<u8>) {
    if let Some(returns) = &search.returns {
        text(out, &[" RETURN ("]);
        for (index, option) in returns.iter().enumerate() {
            text(out, &[if index > 0 { " " } else { "" }, option.as_str()]);
            if let (SearchReturn::Partial, Some(window)) = (option, &search.partial) {
                text(out, &[" ", &window.to_string()]);
            }
            if let (SearchReturn::Update, Some(items)) = (option, &search.update) {
                out.push(b' ');
                fetch_items(items, out);
            }
        }
        text(out, &[")"]);
    }
}

fn print_filter(filter: &Filter, utf8: bool, out: &mut Vec<u8>) {
    text(out, &[filter.as_str()]);
    if filter.names().is_empty() {
        return;
    }
    text(out, &[" ("]);
    for (index, name) in filter.names().iter().enumerate() {
        text(out, &[if index > 0 { " " } else { "" }]);
        mailbox_name(name.as_str(), utf8, out);
    }
    text(out, &[")"]);
}

fn print_select(select: &Select, utf8: bool, out: &mut Vec<u8>) {
    out.push(b' ');
    mailbox_name(select.mailbox.as_str(), utf8, out);
    let mut params = Vec::new();
    if select.condstore {
        params.push("CONDSTORE".to_owned());
    }
    if let Some(known) = &select.qresync {
        let uids = known
            .known_uids
            .as_ref()
            .map_or(String::new(), |set| format!(" {set}"));
        let pairs = known
            .seq_match
            .as_ref()
            .map_or(String::new(), |(seqs, uids)| format!(" ({seqs} {uids})"));
        params.push(format!(
            "QRESYNC ({} {}{uids}{pairs})",
            known.uid_validity, known.modseq
        ));
    }
    if !params.is_empty() {
        out.push(b' ');
        list(out, params.iter());
    }
}

fn print_copy(copy: &Copy, utf8: bool, out: &mut Vec<u8>) {
    text(out, &[" ", &copy.set.to_string(), " "]);
    mailbox_name(copy.mailbox.as_str(), utf8, out);
}
