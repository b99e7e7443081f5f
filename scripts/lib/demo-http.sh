# shellcheck shell=bash
# Requests, answers and expectations for scripts/demo.

STEP=start

heading() {
    STEP=$1
    printf '\n%s── %s%s\n' "$BOLD" "$1" "$PLAIN"
}

fail() {
    printf '\n%sdemo: FAILED at "%s": %s%s\n' "$RED" "$STEP" "$*" "$PLAIN" >&2
    exit 1
}

# json PATH: the value at .a.b[0].c of the last answer's body; nothing where there is none, texts without quotes.
json() { printf '%s' "$BODY" | "${JSON_READER[@]}" "$1"; }

choose_json_reader() {
    if command -v python3 >/dev/null; then
        # The interpreter itself: version managers put a slow shim in its place.
        JSON_READER=("$(python3 -c 'import sys; print(sys.executable)')" -SE "$ROOT/scripts/lib/json-at.py")
    elif command -v jq >/dev/null; then
        # shellcheck disable=SC2016 # $path is jq's
        JSON_READER=(jq -r --args 'getpath($ARGS.positional[0] | [scan("[^.\\[\\]]+")] | map(tonumber? // .)) // empty')
    else
        fail "python3 or jq is needed to read JSON"
    fi
}

# Sets BEARER, the token that is sent, and TOKEN_FROM, the variable that has it or names its file, as the platform reads them.
choose_token() {
    local tokens=${ESTEIRA_COMMAND_TOKEN:-} file LC_ALL=C
    BEARER='' TOKEN_FROM=ESTEIRA_COMMAND_TOKEN
    [[ $tokens == *[![:space:]]* ]] || tokens=''
    read -r file <<<"${ESTEIRA_COMMAND_TOKEN_FILE:-}"
    if [[ -n $file ]]; then
        [[ -z $tokens ]] || fail "ESTEIRA_COMMAND_TOKEN and ESTEIRA_COMMAND_TOKEN_FILE are both given; allowed is one of them"
        TOKEN_FROM=ESTEIRA_COMMAND_TOKEN_FILE
        tokens=$(cat -- "$file" 2>&1) || fail "$TOKEN_FROM names $file, which cannot be read: $tokens"
    elif [[ -z $tokens ]]; then
        return 0
    fi
    BEARER=$(printf '%s\n' "$tokens" | tr , '\n' | awk '{ gsub(/^[[:space:]]+|[[:space:]]+$/, "") } length && !found++')
    [[ -n $BEARER ]] || fail "$TOKEN_FROM has no token"
    [[ $BEARER =~ ^[[:graph:]]+$ ]] ||
        fail "$TOKEN_FROM: its first token is not allowed; allowed: visible ASCII characters without commas; commas or line breaks between tokens"
}

# shell_words WORD…: the words as they are typed, quoted where they must be.
shell_words() {
    local word line=''
    for word in "$@"; do
        if [[ ! $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]]; then word="'${word//\'/\'\\\'\'}'"; fi
        line+=" $word"
    done
    printf '%s' "${line# }"
}

# authorization URL: the header that the commands want, for no queries. Curl reads it, as arguments are there for all to see.
authorization() {
    # shellcheck disable=SC2154 # query is the demo's
    if [[ -n $BEARER && $1 != "$query/q/"* ]]; then printf 'authorization: Bearer %s\n' "$BEARER"; fi
}

# call METHOD URL [HEADER…] [BODY]: a BODY begins with {. Sets STATUS, HEADERS, BODY and TOKEN; prints nothing.
call() {
    local method=$1 url=$2 argument answer
    COMMAND=(curl)
    [[ $method == GET ]] || COMMAND+=(-X "$method")
    COMMAND+=("$url")
    shift 2
    for argument in "$@"; do
        if [[ $argument == '{'* ]]; then
            COMMAND+=(-H 'content-type: application/json' -d "$argument")
        else
            COMMAND+=(-H "$argument")
        fi
    done
    answer=$(authorization "$url" | "${COMMAND[@]}" --header @- --silent --show-error --max-time 30 --dump-header - 2>&1) ||
        fail "no answer from $url: $answer"
    answer=${answer//$'\r'/}
    HEADERS=${answer%%$'\n\n'*}
    BODY=${answer#*$'\n\n'}
    STATUS=$(awk '{print $2; exit}' <<<"$HEADERS")
    [[ $STATUS != 401 ]] || fail "$url $(why_401). The answer was $STATUS $BODY"
    # shellcheck disable=SC2034 # for the story
    TOKEN=$(header x-consistency-token)
}

why_401() {
    if [[ -n $BEARER ]]; then printf 'refuses the token of %s' "$TOKEN_FROM"; else
        printf 'wants a token: set ESTEIRA_COMMAND_TOKEN or ESTEIRA_COMMAND_TOKEN_FILE, as for the platform'
    fi
}

header() { awk -v name="$1:" 'tolower($1) == name { sub(/^[^ ]* /, ""); print }' <<<"$HEADERS"; }

# request, like call: also prints the command and the shortened answer.
request() {
    call "$@"
    [[ -z $(authorization "$2") ]] || COMMAND+=(-H 'authorization: Bearer …')
    printf '%s$ %s%s\n' "$BLUE" "$(shell_words "${COMMAND[@]}")" "$PLAIN"
    show_answer
}

show_answer() {
    local name value body=$BODY
    printf '  HTTP %s' "$STATUS"
    for name in etag location x-consistency-token; do
        value=$(header "$name")
        [[ -z $value ]] || printf '   %s: %s' "$name" "$value"
    done
    ((${#body} <= SHOWN)) || body="${body:0:SHOWN} … (${#BODY} characters)"
    printf '\n  %s\n' "$body"
}

pass() { printf '  %s✓%s %s\n' "$GREEN" "$PLAIN" "$1"; }

# expect WHAT ACTUAL WANTED
expect() {
    [[ $2 == "$3" ]] || fail "$1: wanted ${3:-nothing}, got ${2:-nothing}. The answer was $STATUS $BODY"
    pass "$1: ${2:-nothing}"
}
expect_status() { expect status "$STATUS" "$1"; }
expect_json() { expect "$1" "$(json "$1")" "$2"; }

# visible URL TOKEN: the view as of the token; an answer "not yet" is asked again until PATIENCE is over.
visible() {
    local deadline=$((SECONDS + PATIENCE))
    call GET "$1" "X-Consistency-Token: $2"
    while [[ $STATUS == 503 ]] && ((SECONDS < deadline)); do
        call GET "$1" "X-Consistency-Token: $2"
    done
    request GET "$1" "X-Consistency-Token: $2"
    expect_status 200
}

# eventually URL PATH WANTED: what the platform does by itself; asks until it is so or PATIENCE is over.
eventually() {
    local url=$1 path=$2 wanted=$3 deadline=$((SECONDS + PATIENCE))
    call GET "$url"
    while [[ $(json "$path") != "$wanted" ]] && ((SECONDS < deadline)); do
        sleep 0.1
        call GET "$url"
    done
    request GET "$url"
    expect_json "$path" "$wanted"
}
