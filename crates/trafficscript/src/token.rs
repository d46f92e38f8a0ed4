//! The words of the language.

use source::Span;
use std::sync::Arc;

/// A word of the text and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Integer(i64),
    Double(f64),
    /// The value, escapes already replaced.
    String(Arc<[u8]>),
    /// `$name`; the span includes the `$`.
    Variable,
    /// `$1` … `$9`.
    Capture(u8),
    /// A name, dots included: `http.getHeader`. Never a keyword.
    Name,
    Keyword(Keyword),
    Mark(Mark),
    /// Something that is no word; a diagnostic says so already.
    Wrong,
    /// The end of the text.
    End,
}

macro_rules! spelled {
    ($(#[$note:meta])* $kind:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$note])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $kind { $($variant,)* }

        impl $kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As it is written.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

spelled! {
    /// Written in lower case only; none of them can name a function or a sub.
    Keyword {
        If "if", Else "else", ElseIf "elseif", ElsIf "elsif", While "while", Do "do", For "for",
        Foreach "foreach", In "in", Switch "switch", Case "case", Default "default", Break "break",
        Continue "continue", Return "return", Sub "sub", Import "import", As "as", True "true", False "false",
    }
}

spelled! {
    /// Brackets, separators and operators; longer ones first, so that the first that fits is the right one.
    Mark {
        ShiftLeftAssign "<<=", ShiftRightAssign ">>=",
        ShiftLeft "<<", ShiftRight ">>", LessOrEqual "<=", GreaterOrEqual ">=", Equal "==", Arrow "=>",
        NotEqual "!=", And "&&", Or "||", Increment "++", Decrement "--", AddAssign "+=", SubtractAssign "-=",
        MultiplyAssign "*=", DivideAssign "/=", RemainderAssign "%=", ConcatAssign ".=", BitAndAssign "&=",
        BitOrAssign "|=", BitXorAssign "^=",
        OpenRound "(", CloseRound ")", OpenSquare "[", CloseSquare "]", OpenCurly "{", CloseCurly "}",
        Semicolon ";", Comma ",", Colon ":", Question "?", Assign "=", Less "<", Greater ">", Plus "+",
        Minus "-", Star "*", Slash "/", Percent "%", Dot ".", BitAnd "&", BitOr "|", BitXor "^", Not "!",
        BitNot "~",
    }
}

impl Keyword {
    /// True for those a statement (or declaration) begins with: a place where reading can start afresh.
    pub(crate) fn begins_statement(self) -> bool {
        !matches!(
            self,
            Self::Else | Self::ElseIf | Self::ElsIf | Self::In | Self::As | Self::True | Self::False
        )
    }
}
