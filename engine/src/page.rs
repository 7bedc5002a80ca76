//! Pages that can be read anywhere: one file of HTML, in which no script runs and which fetches nothing.

/// What all pages look alike in. A page's own style follows it.
const STYLE: &str = "\
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}\
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #8888}\
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}td,th{border:1px solid #8886;\
padding:.3rem .5rem;text-align:left;vertical-align:top}\
code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}";

/// A page in the making.
pub struct Page(String);

impl Page {
    /// The beginning of a page with this title and style.
    pub fn new(title: &str, style: &str) -> Self {
        let title = escape(title);
        Self(format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{title}</title><style>{STYLE}{style}</style></head><body>\n<h1>{title}</h1>\n"
        ))
    }

    /// Adds HTML.
    pub fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: &str) {
        self.raw(&format!("<h2>{}</h2>\n", escape(text)));
    }

    /// Adds a table; each cell is text.
    pub fn table<const N: usize>(&mut self, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        self.raw("<table><tr>");
        for cell in head {
            self.raw(&format!("<th>{}</th>", escape(cell)));
        }
        self.raw("</tr>\n");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.raw(&format!("<td><code>{}</code></td>", escape(&cell)));
            }
            self.raw("</tr>\n");
        }
        self.raw("</table>\n");
    }

    /// The page.
    pub fn end(mut self) -> String {
        self.raw("</body></html>\n");
        self.0
    }
}

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Text that came from elsewhere must not turn lines around (CVE-2021-42574).
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}
