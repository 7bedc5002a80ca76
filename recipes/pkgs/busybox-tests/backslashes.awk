# What sub, gsub and gensub make of backslashes in the text that replaces a match. By POSIX "\&" is a "&", "\\" a backslash,
# and before any other character a backslash is itself; gensub also has "\0" to "\9".
function shows(replacement,    by_sub, by_gsub) {
    by_sub = by_gsub = "a+b+"
    sub(/\+/, replacement, by_sub)
    gsub(/\+/, replacement, by_gsub)
    print replacement, by_sub, by_gsub, gensub(/(\+)/, replacement, "g", "a+b+")
}
BEGIN {
    shows("x")
    shows("&")
    shows("\\&")
    shows("\\\\&")
    shows("\\\\\\&")
    shows("\\+")
    shows("\\\\+")
    shows("\\\\\\+")
    shows("\\1")
    shows("\\")
    shows("\\\\")

    # As in GCC's opt-functions.awk.
    language = "C++"
    gsub("\\+", "\\+", language)
    print language, "C ObjC" ~ language, "ObjC++ C++" ~ language
}
