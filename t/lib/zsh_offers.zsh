# zsh_offers.zsh SCRIPT LINE...: what zsh offers at Tab behind each line, once it has sourced SCRIPT:
# "LINE => WORD|WORD", by a real one at a terminal of its own.  Called by 087_completion.pl.
zmodload zsh/zpty
zpty shell zsh -f -i
# In that shell compadd keeps what it adds; with -O, -A or -D it adds nothing, and only counts.
zpty -w shell "
autoload -Uz compinit; compinit -u -D; source ${(q)1}
typeset -ga offered
compadd()
{
	local -a found
	if (( \${@[(I)-(O|A|D)]} == 0 )); then builtin compadd -O found \"\$@\"; offered+=(\$found); fi
	builtin compadd \"\$@\"
}
probe() { offered=(); _main_complete; print -r -- \"OFFERED<\${(j:|:)offered}>\"; compstate[insert]= compstate[list]= }
zle -C probe complete-word probe
bindkey '^I' probe; PS1=; stty -echo; print SET''UP"
zpty -r -m shell said '*SETUP*'
for line in "${@[2,-1]}"; do
	zpty -w -n shell "$line"$'\t'
	zpty -r -m shell said '*OFFERED<*>*'
	print -r -- "$line => ${${said##*OFFERED<}%%>*}"
	zpty -w -n shell $'\C-u'
done
zpty -d shell
