//! What a feature of a bucket means, in words.
//!
//! One row per feature, so that a bucket's id and its explanation can't tell different stories.

/// Features and what they say, in the order in which they are told.
const WORDS: &[(&str, &str)] = &[
    ("second-pickle", "it happens in a later pickle of the stream, past the first STOP"),
    ("plain-global", "nothing about its form is unusual: GLOBAL names it for all to see"),
    ("named", "nothing about its form is unusual: the analyser lets a name pass"),
    ("inst", "INST names and calls in one opcode"),
    ("stack-global", "the name is taken from the stack by STACK_GLOBAL"),
    ("ext1", "the name comes from the extension registry"),
    ("persid", "a persistent id has the loader fetch the object, from wherever it likes"),
    ("obj", "OBJ calls what lies above the mark"),
    ("newobj", "the call is one of `__new__`"),
    ("newobj-ex", "the call is one of `__new__`"),
    ("build", "BUILD hands the state to the object's own code"),
    ("append", "an opcode that fills a container calls the object's method"),
    ("appends", "an opcode that fills a container calls the object's method"),
    ("setitem", "an opcode that fills a container calls the object's method"),
    ("setitems", "an opcode that fills a container calls the object's method"),
    ("additems", "an opcode that fills a container calls the object's method"),
    ("memo", "an operand comes out of the memo"),
    ("binget", "what a memo entry holds matters"),
    ("binput", "a memo entry is stored, and what is stored there when matters"),
    ("memoize", "MEMOIZE stores at an index that it does not say"),
    ("dup", "an operand is doubled by DUP"),
    ("pop", "values are pushed and dropped again before the name is taken"),
    ("pop-mark", "POP_MARK drops everything above a mark"),
    ("short-binstring", "a text is spelled as an 8-bit string of Python 2"),
    ("string", "a text is spelled as an 8-bit string of Python 2"),
    ("unicode", "a text is spelled by UNICODE, with its escapes"),
    ("frame", "it is in a frame"),
    ("proto", "PROTO announces something"),
    ("python-2-name", "the module has the name that Python 2 had for it"),
    ("global-only", "GLOBAL is needed: by STACK_GLOBAL the same is noticed"),
    ("uncalled", "it is asked for and not called: called, it is noticed"),
    ("before-fault", "the pickle breaks off afterwards, too late: what opcodes did stays"),
    ("before-garbage", "unreadable bytes follow, too late: what opcodes did stays"),
    ("before-unreadable-opcode", "it breaks off at an opcode that can't be read, too late"),
    ("before-unknown-protocol", "it breaks off at a protocol that is not known, too late"),
    ("before-end", "the pickle has no end, which shows too late: what opcodes did stays"),
    ("unreadable", "the pickle can't be read to its end, in whatever way: what opcodes did stays"),
    ("many-opcodes", "it takes many opcodes before: somewhere reading on is given up"),
    ("many-bytes", "it takes many bytes before: somewhere reading on is given up"),
    ("encoding", "it takes another encoding of 8-bit strings than the default"),
    ("no-fix-imports", "it takes names that are not mapped to Python 3's"),
    ("buffers", "it takes out-of-band buffers"),
    ("persistent-load", "it takes a loader of persistent ids"),
    ("c-vs-py", "the unpickler in C and the one in Python do different things"),
    ("c-accepts", "the unpickler in C accepts what the one in Python refuses"),
    ("py-accepts", "the unpickler in Python accepts what the one in C refuses"),
    ("c-vs-py-value", "the unpickler in C gives another value than the one in Python"),
    ("c-vs-py-touched", "the unpickler in C asks for or calls other things than the one in Python"),
    ("c-vs-py-limit", "the unpickler in C takes more memory or time than the one in Python"),
    ("dis-accepts", "`pickletools.dis` accepts what all unpicklers refuse"),
    ("dis-rejects", "`pickletools.dis` minds what no unpickler does"),
    ("runs-nothing", "it runs nothing, and this fails by being run"),
    ("supplied", "the caller would have to supply something"),
    ("odd-items", "a key has no value"),
    ("unread", "an argument is one that few readers take"),
    ("8-bit-text", "an 8-bit string is not ASCII, the default encoding"),
    ("extension", "an extension code is not registered, or cannot be"),
    ("negative-index", "a memo index is negative"),
    ("operand-missing", "an operand is missing, or a mark stands where a value should"),
    ("frame-of-no-size", "a frame claims more than any file can hold"),
    ("frame-beyond-end", "a frame claims more than there is"),
    ("frame-in-frame", "a frame begins before the one around it has ended"),
    ("frame-cuts-opcode", "a frame ends within an opcode"),
    ("nul", "a numeral has a NUL in it, where texts end in C"),
    ("numeral", "an integer is not spelled as picklers do"),
    ("digits", "an integer has more digits than some CPythons read"),
    ("float", "a float is not spelled as picklers do"),
    ("float-overflow", "a float is beyond what a double can hold"),
    ("escape", "a backslash escapes nothing"),
    ("emptyname", "a module or a name is empty"),
    ("controlcharacter", "there is a control character in a line"),
    ("length", "a length is negative if read as a signed number"),
    ("dict", "the state is a dict"),
    ("pair", "the state is a pair"),
    ("stream-vs-reuse", "a memo that survives from one pickle to the next makes the difference"),
    ("loads-vs-file", "reading from a buffer and from a file differ"),
    ("versions", "versions of CPython differ"),
    ("left-over", "values are left on the stack at STOP"),
    ("stored-again", "a memo entry is stored twice"),
];

/// What the features say, in one sentence for each that says anything.
pub fn tell(features: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut put = |words: String| {
        if !out.contains(&words) {
            out.push(words);
        }
    };
    if let [contract, root, ..] = features
        && contract == "contract"
    {
        put(format!("`{root}` is allowed, and in its course something is called that is not"));
        return out;
    }
    // Of a name, versions differ in what it does; elsewhere it is what is let pass.
    let differ = features.first().is_some_and(|who| who == "versions");
    for (feature, words) in WORDS {
        if features.iter().any(|has| has == feature) {
            put((*words).to_owned());
        }
    }
    for feature in features {
        if let Some(opcode) = feature.strip_prefix("deep-") {
            let opcode = opcode.to_uppercase().replace('-', "_");
            put(format!("{opcode} nests values deeper than the C stack bears"));
        } else if let Some((opcode, doubt)) = feature.split_once(':') {
            let opcode = opcode.to_uppercase().replace('-', "_");
            put(format!("the argument of {opcode} is read in different ways ({doubt})"));
        } else if feature.contains('.') && differ {
            put(format!("it is about `{feature}`"));
        } else if feature.contains('.') {
            put(format!("of those that were tried in its place it lets only `{feature}` pass"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(features: &[&str]) -> String {
        let features: Vec<String> = features.iter().map(|f| (*f).to_owned()).collect();
        tell(&features).join("; ")
    }

    #[test]
    fn features_are_told_once_and_in_order() {
        assert!(told(&["obj", "second-pickle"]).starts_with("it happens in a later pickle"));
        assert_eq!(told(&["append", "setitem"]).matches("fills a container").count(), 1);
        assert!(told(&["contract", "array.array"]).starts_with("`array.array` is allowed"));
        assert!(told(&["int:numeral"]).contains("argument of INT"));
        assert!(told(&["named", "os.popen"]).contains("`os.popen`"));
        assert!(told(&["deep-tuple1"]).contains("TUPLE1 nests"));
    }
}
