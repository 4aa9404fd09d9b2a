//! Reads what `strace -f -ttt -xx` wrote: one [`Call`] per system call, in the order in which they returned.
//!
//! A call that another thread's calls interrupt stands on two lines, `NAME(ARGS <unfinished ...>` and
//! `<... NAME resumed>ARGS) = RESULT`. The first is where its bytes may have left, the second where it is known to have
//! been done; a call on one line begins and ends there.

use std::collections::HashMap;

use anyhow::Context;

/// What is traced: everything that opens, reads, writes or syncs files and sockets.
pub(super) const CALLS: &str = "openat,close,accept4,getsockname,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,\
     sendmmsg,sendfile,splice,pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range,io_uring_enter";

/// Longest string that the trace shows whole, in bytes; longer ones end the audit.
pub(super) const STRING_BYTES_MAX: &str = "4194304";

/// One system call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// Between the parentheses.
    arguments: String,
    /// `None`: it did not return before the process ended.
    pub(super) result: Option<i64>,
    /// The line where it began.
    pub(super) began: usize,
    /// The line where it had returned.
    pub(super) ended: usize,
}

impl Call {
    /// The file or socket that it is about.
    pub(super) fn descriptor(&self) -> Option<i64> {
        self.arguments.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    }

    /// The bytes that were read or written: as many as it returned.
    pub(super) fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = self.strings()?;
        let count = self.result.and_then(|result| usize::try_from(result).ok()).unwrap_or(0);
        anyhow::ensure!(bytes.len() >= count, "line {}: {} shows too little", self.ended, self.name);
        bytes.truncate(count);
        Ok(bytes)
    }

    /// All quoted strings, one after the other.
    pub(super) fn strings(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut rest = self.arguments.as_str();
        while let Some((_, after)) = rest.split_once('"') {
            let (inside, after) = after.split_once('"').context("a string without an end")?;
            anyhow::ensure!(!after.starts_with("..."), "line {}: a string is cut short", self.ended);
            unescape(inside, &mut bytes).with_context(|| format!("line {}", self.ended))?;
            rest = after;
        }
        Ok(bytes)
    }

    /// The port of the socket address among the arguments.
    pub(super) fn port(&self) -> Option<u16> {
        let (_, after) = self.arguments.split_once("_port=htons(")?;
        after.split_once(')')?.0.parse().ok()
    }
}

/// Reads a whole trace.
pub(super) fn read(text: &str) -> anyhow::Result<Vec<Call>> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut lines = 0;
    for (number, line) in text.lines().enumerate() {
        lines = number + 1;
        let Some((thread, what)) = split(line) else { continue };
        if let Some(begun) = what.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (number, begun));
        } else if let Some(resumed) = what.strip_prefix("<... ") {
            let (began, begun) =
                unfinished.remove(thread).with_context(|| format!("line {number} resumes nothing"))?;
            let (_, after) = resumed.split_once(" resumed>").context("a resumed call")?;
            calls.extend(call(&format!("{begun}{after}"), began, number));
        } else {
            calls.extend(call(what, number, number));
        }
    }
    // The process was killed in the middle of these.
    for (began, begun) in unfinished.into_values() {
        calls.extend(call(&format!("{begun}) = ?"), began, lines));
    }
    calls.sort_by_key(|call| (call.ended, call.began));
    Ok(calls)
}

/// `THREAD TIME WHAT`.
fn split(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (_, what) = rest.trim_start().split_once(' ')?;
    Some((thread, what))
}

/// `None` for signals and exits.
fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    if name.is_empty()
        || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        return None;
    }
    let (arguments, result) = rest.rsplit_once(") = ").or_else(|| {
        // Short lines are padded: `close(3)         = 0`.
        let (before, result) = rest.rsplit_once(" = ")?;
        Some((before.trim_end().strip_suffix(')')?, result))
    })?;
    let result = result.split_whitespace().next()?.parse().ok();
    Some(Call { name: name.to_owned(), arguments: arguments.to_owned(), result, began, ended })
}

/// With `-xx` every byte is `\xNN`.
fn unescape(text: &str, into: &mut Vec<u8>) -> anyhow::Result<()> {
    anyhow::ensure!(text.len().is_multiple_of(4), "a string that is not in hexadecimal");
    for piece in text.as_bytes().chunks_exact(4) {
        let digit = |byte: u8| char::from(byte).to_digit(16).context("a hexadecimal digit");
        anyhow::ensure!(piece.starts_with(b"\\x"), "a string that is not in hexadecimal");
        into.push(u8::try_from(digit(piece[2])? * 16 + digit(piece[3])?)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn calls_on_one_and_on_two_lines() {
        let text = concat!(
            "7 1700000000.000001 close(3)         = 0\n",
            "7 1700000000.000002 pwritev(5, [{iov_base=\"\\x61\\x62\", iov_len=2}, {iov_base=\"\\x63\", iov_len=1}], 2, 4096 <unfinished ...>\n",
            "8 1700000000.000003 recvfrom(9,  <unfinished ...>\n",
            "7 1700000000.000004 <... pwritev resumed>) = 3\n",
            "8 1700000000.000005 <... recvfrom resumed>\"\\x64\\x65\", 65536, 0, NULL, NULL) = 1\n",
            "8 1700000000.000006 --- SIGTERM {si_signo=SIGTERM} ---\n",
            "8 1700000000.000007 sendto(9, \"\\x66\", 1, MSG_NOSIGNAL, NULL, 0) = -1 EAGAIN (Resource temporarily unavailable)\n",
            "8 1700000000.000008 accept4(4, {sa_family=AF_INET, sin_port=htons(501)}, [128 => 16], SOCK_CLOEXEC) = 10\n",
            "7 1700000000.000009 fdatasync(5 <unfinished ...>\n",
            "8 1700000000.000010 +++ exited with 0 +++\n",
        );
        let calls = read(text).expect("it can be read");
        let shown: Vec<_> = calls
            .iter()
            .map(|call| (call.name.as_str(), call.descriptor(), call.result, call.began, call.ended))
            .collect();
        assert_eq!(
            shown,
            [
                ("close", Some(3), Some(0), 0, 0),
                ("pwritev", Some(5), Some(3), 1, 3),
                ("recvfrom", Some(9), Some(1), 2, 4),
                ("sendto", Some(9), Some(-1), 6, 6),
                ("accept4", Some(4), Some(10), 7, 7),
                ("fdatasync", Some(5), None, 8, 10),
            ]
        );
        assert_eq!(calls[1].bytes().expect("bytes"), b"abc");
        assert_eq!(calls[2].bytes().expect("bytes"), b"d", "no more than it returned");
        assert_eq!(calls[3].bytes().expect("bytes"), b"");
        assert_eq!(calls[4].port(), Some(501));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let calls = read("7 1.0 write(3, \"\\x61\"..., 2) = 2\n").expect("it can be read");
        assert!(calls[0].bytes().is_err());
        assert!(read("7 1.0 <... write resumed>) = 2\n").is_err());
    }
}
