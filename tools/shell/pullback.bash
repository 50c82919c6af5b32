# Completion for bash. The program itself knows what can follow: commands, options, their words,
# models. Where it knows nothing, names of files.
_pullback()
{
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${COMP_WORDS[0]}" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
} && complete -o default -F _pullback pullback
