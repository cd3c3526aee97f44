/** What an event changed in the state, in words: path, value before, value after. */
import type { Change } from '../../../../src/console/shapes/stream.ts'
import { digits } from '../../parts/number.ts'
import { short } from '../../parts/short-text.ts'

interface ChangeListProps {
  readonly changes: readonly Change[]
  /** There are more changes than the answer has. */
  readonly hasMore: boolean | undefined
}

const mostShown = 50

export function ChangeList({ changes, hasMore }: ChangeListProps) {
  if (changes.length === 0)
    return <p class="empty">The event of this version changed nothing in the state.</p>
  return (
    <>
      <ul class="changes">
        {changes.slice(0, mostShown).map(({ path, kind, before, after }) => (
          <li key={path} class={kind}>
            <span class="kind">{kind}</span> <code>{readable(path)}</code>{' '}
            {kind !== 'added' && <del>{short(before)}</del>}
            {kind === 'changed' && (
              <>
                {' '}
                <span aria-hidden="true">→</span>{' '}
              </>
            )}
            {kind !== 'removed' && <ins>{short(after)}</ins>}
          </li>
        ))}
      </ul>
      {(hasMore || changes.length > mostShown) && (
        <p>
          and {hasMore && 'more than '}
          {digits(changes.length - Math.min(changes.length, mostShown))} more
        </p>
      )}
    </>
  )
}

/** `/lines/0/price` as `lines[0].price`. */
function readable(path: string): string {
  if (path === '') return 'the whole state'
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((before, part) => {
      if (/^\d+$/.test(part)) return `${before}[${part}]`
      return before === '' ? part : `${before}.${part}`
    }, '')
}
