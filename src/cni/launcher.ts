/** The executable in the node's CNI directory: a shell script, so that pods of others cost next to nothing. */
import { redirectionAnnotation } from '../sidecar/index.js';
import { errorCodes, pluginType, spellError, supportedVersions } from './protocol.js';

/**
 * The script's text, for a runtime's directory as the node sees it. It answers alone what concerns
 * no pod of ours: those must not depend on a Node.js of ours, and start within a millisecond or two
 * (Node.js alone takes 50 to 100). Of the node it uses what POSIX says of `sh`, and no other program.
 *
 * A pod of ours is one whose configuration has our annotation's name anywhere; what a user may put
 * there can only make the long way be taken. The result of the plugins before is the member
 * `prevResult` of the outermost object, found by reading JSON and not by looking for a text, since
 * annotations are in the configuration too.
 */
export function launcherText(runtime: string): string {
  if (!/^[\w./-]+$/.test(runtime)) {
    throw new Error(`expected a path of letters, digits, dots and dashes, found ${runtime}`);
  }
  const version = JSON.stringify({ cniVersion: '1.0.0', supportedVersions });
  const missing = spellError(
    errorCodes.notRedirected,
    `${pluginType}: the pod cannot be redirected`,
    `${runtime} is not there; is the DaemonSet skerry-cni ready on this node`,
  );
  return `${head(runtime)}
case \${CNI_COMMAND:-} in
  VERSION) printf '%s' '${version}' && exit 0 ;;
  DEL | GC | STATUS) exit 0 ;;
esac
${scanner}
case $config in
  *'${redirectionAnnotation}'*) ;;
  *)
    case \${CNI_COMMAND:-} in
      CHECK) exit 0 ;;
      ADD) find_result && printf '%s' "$result" && exit 0 ;;
    esac
    ;;
esac

if [ ! -x "$runtime/ld.so" ]; then
  # Uninstalled: nobody is left who could check.
  [ "\${CNI_COMMAND:-}" = CHECK ] && exit 0
  printf '%s' '${missing}'
  exit 1
fi
unset NODE_OPTIONS LD_PRELOAD LD_LIBRARY_PATH
printf '%s' "$config" |
  "$runtime/ld.so" --inhibit-cache --library-path "$runtime/lib" \\
    "$runtime/node" "$runtime/skerry-cni.cjs"
`;
}

function head(runtime: string): string {
  return `#!/bin/sh
# Skerry's chained CNI plugin. Made by skerry-cni's installer, which puts it back when it changes.
PATH=\${PATH:-}:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
runtime='${runtime}'
# A line feed is nothing in JSON but space between two tokens.
config=
while IFS= read -r line || [ -n "$line" ]; do config=$config$line; done
`;
}

// In brackets `[` stands last, since bash takes `[:` for the beginning of a class of characters.
// `${x%%[…]*}` costs what stands before the match; all else here is constant per token, and the
// runtimes write members in the order of their names, so nothing of a user's comes before the result.
const scanner = `
# Takes the rest of a string, whose opening quote is gone, off $rest; its text is in $text.
skip_string() {
  text=
  while :; do
    part=\${rest%%[\\"\\\\]*}
    [ "$part" = "$rest" ] && return 1
    text=$text$part
    rest=\${rest#"$part"}
    case $rest in
      \\"*) rest=\${rest#?} && return 0 ;;
      *) text="$text?" rest=\${rest#??} ;;
    esac
  done
}

# Sets $result to the object prevResult of the outermost object; fails where there is none.
find_result() {
  rest=$config depth=0 text= name=
  while :; do
    part=\${rest%%[]:,\\"\\{\\}[]*}
    [ "$part" = "$rest" ] && return 1
    rest=\${rest#"$part"}
    case $rest in
      \\"*) rest=\${rest#?} && skip_string || return 1 ;;
      :*)
        rest=\${rest#?}
        [ "$depth" = 1 ] && name=$text start=$rest
        ;;
      ,*) rest=\${rest#?} ;;
      [\\{[]*) rest=\${rest#?} depth=$((depth + 1)) ;;
      *)
        rest=\${rest#?} depth=$((depth - 1))
        if [ "$depth" = 1 ] && [ "$name" = prevResult ]; then
          result=\${start%"$rest"}
          case $result in *[!\\ ]*\\}) return 0 ;; esac
          return 1
        fi
        [ "$depth" -le 0 ] && return 1
        ;;
    esac
  done
}
`;
