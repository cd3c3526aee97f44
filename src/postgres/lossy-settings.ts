/** The settings of the server, and of a session, with which a crash loses events. */
import type { StoreWarning } from '../storage/index.ts'
import type { Row } from './client.ts'

/** Judges the columns `fsync`, `full_page_writes` and `synchronous_commit` of `start-up.sql` or `schema-warnings.sql`. */
export function* lossySettings(found: Row): Iterable<StoreWarning> {
  if (found.fsync === 'off') {
    yield {
      code: 'fsync-off',
      message:
        'Postgres runs with fsync = off: when its machine fails, the whole database may be damaged beyond repair. Set fsync = on',
    }
  }
  if (found.full_page_writes === 'off') {
    yield {
      code: 'full-page-writes-off',
      message:
        'Postgres runs with full_page_writes = off: when its machine fails, pages that were half written stay damaged. Set full_page_writes = on',
    }
  }
  if (found.synchronous_commit === 'off') {
    yield {
      code: 'synchronous-commit-off',
      message:
        'The session has synchronous_commit = off: when the server fails, it loses appends that were answered already, and their positions are given to others. Set it to on, or local, for the role of the application',
    }
  }
}
