# Completion for fish: see pullback.bash.
complete -c pullback -a '(set -l words (commandline -opc); $words[1] --complete $words[2..-1] (commandline -ct) 2>/dev/null)'
