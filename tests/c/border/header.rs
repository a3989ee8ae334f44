//! The functions of erlnode.h, read from its text: what they return, and the type and name of each parameter.

/// A function of the header.
pub struct Function {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// The header has an inline form in front of it.
    pub is_inline: bool,
}

/// A parameter: `const char *` and `peer`.
pub struct Parameter {
    pub kind: String,
    pub name: String,
}

impl Parameter {
    fn parse(text: &str) -> Parameter {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let end = text.rfind([' ', '*']).expect("a type before the name") + 1;
        Parameter { kind: text[..end].trim().to_owned(), name: text[end..].to_owned() }
    }

    /// A place that the function writes to.
    pub fn is_out(&self) -> bool {
        self.name.starts_with("out") && self.kind.ends_with('*') && !self.kind.starts_with("const")
    }
}

/// All functions that the library exports, in the order of `names`.
pub fn functions(header: &str, names: &str) -> Vec<Function> {
    names.lines().map(|name| function(header, name)).collect()
}

fn function(header: &str, name: &str) -> Function {
    let call = format!("{name}(");
    let mut at = 0;
    // A declaration begins a line; calls in inline functions do not, and nothing else ends in `name(`.
    let declared = header.split_inclusive('\n').find_map(|line| {
        let start = at;
        at += line.len();
        let found = line.find(&call)?;
        let before = line[..found].chars().next_back();
        let is_whole = before.is_some_and(|before| before == ' ' || before == '*');
        (is_whole && !line.starts_with([' ', '/', '#']) && !line.starts_with("static"))
            .then_some((start, start + found))
    });
    let (start, found) = declared.unwrap_or_else(|| panic!("{name} is not declared"));
    let text = &header[found + call.len()..];
    let list = &text[..text.find(");").expect("the end of the declaration")];
    let parameters =
        if list.trim() == "void" { Vec::new() } else { list.split(',').map(Parameter::parse).collect() };
    Function {
        name: name.to_owned(),
        returns: header[start..found].trim().to_owned(),
        parameters,
        is_inline: header.contains(&format!("#define {call}")),
    }
}
