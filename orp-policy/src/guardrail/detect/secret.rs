//! Secrets: keys and passwords that let one in.
//!
//! What says of itself that it is one: keys of clouds and services by the prefix their makers document (AWS access key ids,
//! Google, GitHub, GitLab, Slack, Stripe, and `sk-` of model services), JSON web tokens (RFC 7519: base64url of `{"` is
//! `eyJ`), private keys in PEM (RFC 7468, from `BEGIN` to `END`). And what is called one: the value behind `password=`,
//! `"api_key":` and the like, if it is no word: six characters or more, letters with digits or signs among them. A variable
//! (`$PASSWORD`, `<password>`, `{{password}}`) or a call (`password=get_2(…)`) is no secret, nor is a word (`password:
//! required`): a detector that finds every form field is soon turned off.

use super::detector;
use super::scan::{Hit, Scan, Try, next_byte, tick};
use super::symbol::{Symbol, symbol_at, symbol_before};
use orp_core::contract::{Confidence, FindingKind};

const KEY: FindingKind = FindingKind::from_static("secret.key");
const JWT: FindingKind = FindingKind::from_static("secret.jwt");
const PEM: FindingKind = FindingKind::from_static("secret.pem");
const VALUE: FindingKind = FindingKind::from_static("secret.value");

/// Finds keys, tokens and passwords.
///
/// ```
/// use orp_core::contract::Detector;
/// use orp_policy::guardrail::detect::Secret;
///
/// let found: Vec<String> = Secret.find("password: hunter2, token: $TOKEN").iter().map(ToString::to_string).collect();
/// assert_eq!(found, ["secret.value at 10..17 (possible)"]);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Secret;

detector!(Secret, "secret", [KEY, JWT, PEM, VALUE]);

/// How a key begins, which byte of that is rare enough to look for, and how many letters, digits, `_` and `-` follow.
const KEYS: [(&str, usize, usize, usize); 19] = [
    // AWS, IAM user guide: unique ids of access keys, long-term and temporary.
    ("AKIA", 2, 16, 16),
    ("ASIA", 2, 16, 16),
    // Google Cloud API keys.
    ("AIza", 2, 35, 35),
    // GitHub, authentication: token formats.
    ("ghp_", 3, 36, 255),
    ("gho_", 3, 36, 255),
    ("ghu_", 3, 36, 255),
    ("ghs_", 3, 36, 255),
    ("ghr_", 3, 36, 255),
    ("github_pat_", 10, 22, 255),
    // GitLab personal access tokens.
    ("glpat-", 5, 20, 255),
    // Slack tokens: bot, user, app, refresh, session.
    ("xoxb-", 4, 10, 255),
    ("xoxp-", 4, 10, 255),
    ("xoxa-", 4, 10, 255),
    ("xoxr-", 4, 10, 255),
    ("xoxs-", 4, 10, 255),
    // Stripe secret and restricted keys.
    ("sk_live_", 7, 10, 255),
    ("rk_live_", 7, 10, 255),
    // Model services.
    ("sk-", 2, 20, 255),
    // Hugging Face.
    ("hf_", 2, 30, 255),
];

/// What a value is called that is secret; `_` stands for itself, a hyphen, a space or nothing.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pass_phrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "access_key",
    "secret_key",
    "private_key",
    "auth_key",
    "encryption_key",
    "credentials",
];

/// How much of a value is looked at to tell whether it is a word.
const LOOK_BYTES: usize = 64;

impl Scan for Secret {
    fn step(&self, text: &str, from: usize, floor: usize) -> Option<Try> {
        let at = next_byte(text.as_bytes(), from, is_telling)?;
        let mut look = Look { text, begin: at, saw_end: false };
        let hit = match text.as_bytes().get(at)? {
            b'=' | b':' => look.value(at, floor),
            b'J' => look.jwt(at, floor),
            b'-' => look.pem(at, floor).or_else(|| look.key(at, floor)),
            _ => look.key(at, floor),
        };
        let next = hit.as_ref().map_or(at + 1, |hit| hit.end);
        Some(Try { hit, begin: look.begin, is_open: look.saw_end, next })
    }

    fn is_break(&self, c: char) -> bool {
        matches!(c, ',' | ';' | '{' | '}' | ')' | '>' | '|') || c.is_whitespace() || !c.is_ascii()
    }

    /// The last two words, with what may stand between a name and its value.
    fn tail(&self, text: &str) -> usize {
        let closing = |c: char| matches!(c, ' ' | '"' | '\'' | '`' | ']');
        let mut rest = text.trim_end_matches(closing);
        rest = rest.trim_end_matches(|c| !self.is_break(c));
        rest = rest.strip_suffix(' ').map_or(rest, |rest| rest.trim_end_matches(|c| !self.is_break(c)));
        tick((text.len() - rest.len()) as u64);
        rest.len()
    }
}

/// The bytes of which one is in every secret, or right behind its name.
const fn is_telling(byte: u8) -> bool {
    matches!(byte, b'=' | b':' | b'-' | b'_' | b'I' | b'J' | b'z')
}

/// What keys are made of.
const fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// One try: what of the text mattered.
struct Look<'t> {
    text: &'t str,
    begin: usize,
    saw_end: bool,
}

impl Look<'_> {
    fn byte(&mut self, at: usize) -> Option<u8> {
        tick(1);
        self.saw_end |= at >= self.text.len();
        self.text.as_bytes().get(at).copied()
    }

    /// How many bytes from a place on are of a kind.
    fn run(&mut self, from: usize, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is(**byte)).count();
        tick(length as u64);
        self.saw_end |= length == rest.len();
        length
    }

    /// How many bytes from a place on are of a kind, up to five hyphens: they begin or end something in PEM.
    fn run_to_line(&mut self, from: usize, is: impl Fn(u8) -> bool) -> usize {
        let length = self.run(from, is);
        let run = self.text.get(from..from + length).unwrap_or_default();
        run.find("-----").unwrap_or(length)
    }

    /// Whether a text stands at a place; what could still become it is open.
    fn stands(&mut self, at: usize, expected: &str) -> bool {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        tick(expected.len() as u64);
        self.saw_end |= rest.len() < expected.len() && expected.as_bytes().starts_with(rest);
        rest.starts_with(expected.as_bytes())
    }

    /// A key by its prefix, one byte of which stands at `at`.
    fn key(&mut self, at: usize, floor: usize) -> Option<Hit> {
        let telling = self.byte(at)?;
        KEYS.iter().find_map(|(prefix, place, least, most)| {
            let start = at.checked_sub(*place).filter(|start| *start >= floor)?;
            if prefix.as_bytes().get(*place) != Some(&telling)
                || !self.stands(start, prefix)
                || !self.begins(start, floor)
            {
                return None;
            }
            self.begin = start;
            let length = self.run_to_line(start + prefix.len(), is_key);
            let end = start + prefix.len() + length;
            let has_digit = self.text.as_bytes().get(start..end)?.iter().any(u8::is_ascii_digit);
            let is_key = (*least..=*most).contains(&length) && has_digit;
            is_key.then(|| Hit::new(start, self.whole(end), KEY, Confidence::Certain))
        })
    }

    /// A JSON web token whose first part has its `J` at `at`: at least two parts, `.` between.
    fn jwt(&mut self, at: usize, floor: usize) -> Option<Hit> {
        let start = at.checked_sub(2).filter(|start| *start >= floor)?;
        if !self.stands(start, "eyJ") || !self.begins(start, floor) {
            return None;
        }
        self.begin = start;
        let header = self.run_to_line(start, is_key);
        let dot = start + header;
        if header < 12 || self.byte(dot) != Some(b'.') || self.run_to_line(dot + 1, is_key) < 8 {
            return None;
        }
        let run = self.run_to_line(start, |byte| is_key(byte) || byte == b'.');
        let token = self.text.get(start..start + run)?.trim_end_matches('.');
        Some(Hit::new(start, self.whole(start + token.len()), JWT, Confidence::Certain))
    }

    /// A private key in PEM, from its first hyphen on: to the end it declares, or as far as its lines go.
    fn pem(&mut self, at: usize, floor: usize) -> Option<Hit> {
        let is_first = at <= floor || self.text.as_bytes().get(at - 1) != Some(&b'-');
        if !is_first || !self.stands(at, "-----BEGIN ") {
            return None;
        }
        let label = self.run(at + 11, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
        let head = at + 11 + label;
        let name = self.text.get(at + 11..head)?.trim_end_matches(" BLOCK");
        if !name.ends_with("PRIVATE KEY") || !self.stands(head, "-----") {
            return None;
        }
        let end = self.pem_end(head + 5);
        Some(Hit::new(at, self.whole(end), PEM, Confidence::Certain))
    }

    /// Where a key ends whose first line ends at `from`.
    fn pem_end(&mut self, from: usize) -> usize {
        let is_line =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'\r' | b'\n');
        let is_inside = |byte: u8| is_line(byte) || matches!(byte, b' ' | b'\t' | b':' | b',');
        let mut at = from;
        loop {
            at += self.run(at, is_inside);
            if self.stands(at, "-----END ") {
                let label = self.run(at + 9, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
                let end = at + 9 + label;
                return if self.stands(end, "-----") { end + 5 } else { end };
            }
            // One hyphen is part of a header: `DEK-Info: AES-128-CBC`.
            if self.byte(at) != Some(b'-') || self.byte(at + 1) == Some(b'-') {
                break;
            }
            at += 1;
        }
        let lines = self.run(from, is_line);
        let end = self.text.get(from..from + lines).unwrap_or_default().trim_end().len();
        from + end
    }

    /// The value behind a name that says it is secret; the sign between stands at `at`.
    fn value(&mut self, at: usize, floor: usize) -> Option<Hit> {
        let name = name_before(self.text, at, floor)?;
        self.begin = name;
        let mut start = at + 1;
        if matches!(self.byte(start)?, b'=' | b'>') {
            start += 1;
        }
        start += self.run(start, |byte| byte == b' ').min(2);
        start += usize::from(matches!(self.byte(start)?, b'"' | b'\'' | b'`'));
        let end = self.strong_end(start)?;
        let value = self.text.get(start..end)?;
        let is_long = value.len() >= 16 && distinct(value.as_bytes()) >= 10;
        let confidence = if is_long { Confidence::Likely } else { Confidence::Possible };
        Some(Hit { begin: name, ..Hit::new(start, self.whole(end), VALUE, confidence) })
    }

    /// Where a value ends, if it is no word, no variable and no call.
    fn strong_end(&mut self, start: usize) -> Option<usize> {
        let first = self.byte(start)?;
        if matches!(first, b'$' | b'%' | b'@' | b'&' | b'*') {
            return None;
        }
        let beginning = self.text.as_bytes().get(start..)?;
        let look: Vec<u8> = beginning.iter().copied().take(LOOK_BYTES).take_while(|byte| is_value(*byte)).collect();
        tick(look.len() as u64);
        self.saw_end |= look.len() == beginning.len();
        let has = |is: fn(&u8) -> bool| look.iter().any(is);
        let is_strong = has(u8::is_ascii_digit) || has(|byte| b"!@#$%^&*+~?".contains(byte));
        if !(is_strong && has(u8::is_ascii_alphabetic)) {
            return None;
        }
        let mut end = start + self.run_to_line(start, is_value);
        // A call, an element, a type: no value itself. A mask that stands there looks the same (DET-6), and so must the key
        // that it may stand for.
        if self.opens_bracket(end) || self.stands(end, "-----") {
            return None;
        }
        // Base64 ends with one or two of these.
        let padding = self.run(end, |byte| byte == b'=');
        let behind = end + padding;
        let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'_' | b'/');
        if padding <= 2 && !self.opens_bracket(behind) && !self.byte(behind).is_some_and(goes_on) {
            end = behind;
        }
        let bare = self.text.get(start..end)?.trim_end_matches(['.', '!', '?', ':']);
        (bare.len() >= 6).then_some(start + bare.len())
    }

    fn opens_bracket(&mut self, at: usize) -> bool {
        matches!(self.byte(at), Some(b'(' | b'[' | b'<'))
    }

    /// Whether no key goes on to the left of a place.
    fn begins(&self, start: usize, floor: usize) -> bool {
        let before = start.checked_sub(1).and_then(|at| self.text.as_bytes().get(at));
        let is_inside = before.is_some_and(|byte| is_key(*byte)) || symbol_before(self.text, start).0.is_word();
        start == floor || !is_inside
    }

    /// Where the word ends in which a secret ends: what belongs to the same word or number is a part of it.
    fn whole(&mut self, end: usize) -> usize {
        let mut end = end;
        if !symbol_before(self.text, end).0.is_word() {
            return end;
        }
        loop {
            let (symbol, width) = symbol_at(self.text, end);
            self.saw_end |= symbol == Symbol::End;
            let goes_on = match symbol {
                Symbol::Dot => {
                    let (after, _) = symbol_at(self.text, end + width);
                    let is_number = symbol_before(self.text, end).0.is_digit();
                    self.saw_end |= is_number && after == Symbol::End;
                    is_number && after.is_digit()
                }
                symbol => symbol.is_word(),
            };
            if !goes_on {
                return end;
            }
            end += width;
        }
    }
}

/// What values are made of; `=` may end them.
const fn is_value(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'<' | b'>')
        && !matches!(byte, b'|' | b'\\' | b'=')
}

/// How many different bytes there are.
fn distinct(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f)).count_ones()
}

/// Where the name of a secret begins whose sign (`=`, `:`) stands at `at`, with what may stand between.
fn name_before(text: &str, at: usize, floor: usize) -> Option<usize> {
    let before = text.get(floor..at)?;
    // `:=` has its name before the colon.
    let before =
        if text.as_bytes().get(at) == Some(&b'=') { before.strip_suffix(':').unwrap_or(before) } else { before };
    let bare = before.strip_suffix(' ').map_or(before, |before| before.strip_suffix(' ').unwrap_or(before));
    let bracket = bare.strip_suffix(']').filter(|inside| inside.ends_with(['"', '\'']));
    let bare = bracket.unwrap_or(bare);
    let name = bare.strip_suffix(['"', '\'', '`']).unwrap_or(bare);
    NAMES.iter().find_map(|known| ends_with_name(name.as_bytes(), known)).map(|start| floor + start)
}

/// Where the name begins that a text ends with.
fn ends_with_name(text: &[u8], name: &str) -> Option<usize> {
    let mut at = text.len();
    for expected in name.bytes().rev() {
        tick(1);
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        match expected {
            b'_' => at -= usize::from(matches!(before, Some(b'_' | b'-' | b' '))),
            expected if before.is_some_and(|byte| byte.eq_ignore_ascii_case(&expected)) => at -= 1,
            _ => return None,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::detect::tests::{finds, keeps_the_laws};

    const PEM_KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0F\n\nMIIEow\nIBAAKC==\n-----END RSA PRIVATE KEY-----";
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N";

    #[test]
    fn what_says_of_itself_that_it_is_secret_is_found() {
        let letters = |count| "aB3dE".repeat(60).chars().take(count).collect::<String>();
        for text in [
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            "ASIAIOSFODNN7EXAMPLE".into(),
            format!("AIza{}", letters(35)),
            format!("ghp_{}", letters(36)),
            format!("github_pat_{}", letters(82)),
            format!("glpat-{}", letters(20)),
            format!("xoxb-{}", letters(30)),
            format!("sk_live_{}", letters(24)),
            format!("sk-{}", letters(40)),
            format!("hf_{}", letters(34)),
            TOKEN.into(),
            TOKEN[..40].into(),
            PEM_KEY.into(),
            PEM_KEY.replace("RSA ", ""),
            PEM_KEY.replace('\n', "\\n"),
            PEM_KEY.replace("KEY-", "KEY BLOCK-"),
        ] {
            finds(&Secret, &format!("see {text}, there"), &[&text]);
            finds(&Secret, &text, &[&text]);
        }
        finds(&Secret, "密钥AKIAIOSFODNN7EXAMPLE。", &["AKIAIOSFODNN7EXAMPLE"]);
        finds(&Secret, &format!("{TOKEN}."), &[TOKEN]);
        finds(&Secret, "eyJhbGciOiJ9.abcdefg8", &["eyJhbGciOiJ9.abcdefg8"]);
        finds(&Secret, "AKIAIOSFODNN7EXAMPLE.5", &["AKIAIOSFODNN7EXAMPLE"]);
        finds(&Secret, "AKIAIOSFODNN7EXAMPL7.x", &["AKIAIOSFODNN7EXAMPL7"]);
        finds(&Secret, "AKIAIOSFODNN7EXAMPL7.5", &["AKIAIOSFODNN7EXAMPL7.5"]);
        finds(&Secret, &format!("AKIAIOSFODNN7EXAMPLE{PEM_KEY}"), &["AKIAIOSFODNN7EXAMPLE", PEM_KEY]);
        finds(&Secret, &format!("{TOKEN}{PEM_KEY}"), &[TOKEN, PEM_KEY]);
        finds(&Secret, &format!("pwd=abc123{PEM_KEY}"), &[PEM_KEY]);
        finds(&Secret, &format!("{PEM_KEY}AKIAIOSFODNN7EXAMPLE"), &[PEM_KEY, "AKIAIOSFODNN7EXAMPLE"]);
    }

    #[test]
    fn a_private_key_without_end_goes_as_far_as_its_lines() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        finds(&Secret, &format!("{begin}\nMIIE\nabc.\nmore"), &[&format!("{begin}\nMIIE\nabc")]);
        finds(&Secret, &format!("`{begin}` begins it"), &[begin]);
        finds(&Secret, &format!("{begin}\n\n"), &[begin]);
        finds(&Secret, &format!("{begin}\nMIIE\n-----END PRIV"), &[&format!("{begin}\nMIIE\n-----END PRIV")]);
        finds(&Secret, &format!("{begin}{begin}"), &[begin, begin]);
        finds(&Secret, &PEM_KEY.replace("PRIVATE", "PUBLIC"), &[]);
        finds(&Secret, &format!("-{begin}"), &[]);
    }

    #[test]
    fn values_behind_names_are_found() {
        for text in [
            "password=?",
            "PASSWORD: ?",
            "password : ?",
            "db_password = '?'",
            "\"password\": \"?\"",
            "config[\"password\"] = \"?\"",
            "passwd := ?",
            "pwd => ?",
            "api_key=?",
            "api-key: ?",
            "API key: ?",
            "apikey=?",
            "AWS_SECRET_ACCESS_KEY=?",
            "client_secret: `?`",
            "?token=?&x=1",
        ] {
            for value in ["hunter2", "s3cr3t.pass-word", "Tr0ub4dor&3", "aGVsbG8gd29ybGQx"] {
                if value.contains('&') && text.contains('&') {
                    continue;
                }
                let (before, after) = text.rsplit_once('?').unwrap();
                finds(
                    &Secret,
                    &format!("{before}{value}{after}"),
                    &[&format!("{value}{}", after.trim_end_matches(['\'', '"', '`', '=', '1']))],
                );
            }
        }
        finds(&Secret, "password=aGVsbG8gd29ybGQ0==.", &["aGVsbG8gd29ybGQ0=="]);
        finds(&Secret, "password=abc123４.5", &["abc123４.5"]);
        finds(&Secret, "token=abc123=x pwd=abc123=== pwd=abc123=[x]", &["abc123", "abc123", "abc123"]);
        let found = super::super::scan::find(&Secret, "token=abcdefghij0123456 pwd=abcabcabcabc123123");
        let confidence: Vec<Confidence> = found.iter().map(|finding| finding.confidence).collect();
        assert_eq!(confidence, [Confidence::Likely, Confidence::Possible]);
    }

    #[test]
    fn words_variables_and_calls_are_no_secrets() {
        for text in [
            "password: required",
            "password=ab12",
            "password=123456",
            "password=$PASS1234",
            "password=${PASS1234}",
            "password=<pass1234>",
            "password=%(pass1234)s",
            "password: ********",
            "password=get_pass_1()",
            "password=pass_1[0]",
            "password",
            "password:",
            "password=",
            "passwords=abc1234",
            "monkey=abc1234",
            "tokens: abc1234",
            "password\n: abc1234",
            "password:   abc1234",
            "password [secret.value] abc1234",
            "[password]: abc1234",
            "token: Option<String>",
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLES",
            "xAKIAIOSFODNN7EXAMPLE",
            "AKIAABCDEFGHIJKLMNOP",
            "task-abcdefghijklmnopqrst1",
            "eyJhbGci.eyJzdWIiOiIx",
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJIUzI1NiJ9.short",
            "eyJhbGciOi9.abcdefg8",
            "eyJhbGciOiJ9.abcdef7",
            "xeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PRIVATE KEY----",
        ] {
            finds(&Secret, text, &[]);
        }
    }

    #[test]
    fn the_laws_hold() {
        keeps_the_laws(
            &Secret,
            &[
                "password=hunter2, \"api key\": \"abc123\" token=x1y2z3w",
                "AKIAIOSFODNN7EXAMPLE eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.",
                "-----BEGIN PRIVATE KEY-----\nMI-E\n-----END PRIVATE KEY----- a",
                "config['pwd'] = 'abc123' secret access key := abc123=",
            ],
        );
    }
}
