/** Who acts at the command line, unless `--actor` says it. */
import { hostname, userInfo } from 'node:os'

/** Returns `user@host` of the operating system. */
export function osActor(): string {
  return `${userName()}@${hostname()}`
}

/** A container may run as a user that its system does not know. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
