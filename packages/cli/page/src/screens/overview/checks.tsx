/** The checks of the store: those that are not ok with their reasons and remedies, the others as a line each. */
import type { Overview } from '../../../../src/console/shapes/store.ts'
import { counted } from '../../parts/number.ts'
import { address } from '../../route.ts'
import { findingsOf, placeOf, titleOf } from './findings.ts'

type Status = Overview['status']
type Check = Overview['checks'][number]

const words: Readonly<Record<Status, string>> = {
  ok: 'all is well',
  degraded: 'works, but needs a look',
  failed: 'failed',
}
const kinds: Readonly<Record<Status, string>> = { ok: 'good', degraded: 'warning', failed: 'bad' }
const order: readonly Status[] = ['failed', 'degraded', 'ok']

export function StatusBadge({ status }: { readonly status: Status }) {
  return (
    <span class={`badge ${kinds[status]}`} role="status">
      {words[status]}
    </span>
  )
}

const mostShown = 50

export function Checks({ checks }: { readonly checks: readonly Check[] }) {
  const bad = checks
    .filter(({ status }) => status !== 'ok')
    .sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status))
  const good = checks.length - bad.length
  return (
    <section aria-label="Checks">
      {bad.length > 0 && (
        <ul class="findings">
          {bad.slice(0, mostShown).map((check) => (
            <CheckCard key={`${check.name} ${check.subject}`} check={check} />
          ))}
        </ul>
      )}
      {bad.length > mostShown && (
        <p class="empty">
          And {counted(bad.length - mostShown, 'check')} more, see{' '}
          <a href={address('subscriptions')}>the subscriptions</a>.
        </p>
      )}
      <details class="all">
        <summary>
          {bad.length === 0 ? `All ${counted(good, 'check')} ok` : `${counted(good, 'check')} ok`}
        </summary>
        <ul class="ok">
          {checks
            .filter(({ status }) => status === 'ok')
            .slice(0, 500)
            .map((check) => (
              <li key={`${check.name} ${check.subject}`}>
                <Title check={check} />
              </li>
            ))}
        </ul>
      </details>
    </section>
  )
}

function CheckCard({ check }: { readonly check: Check }) {
  return (
    <li class={kinds[check.status]}>
      <p>
        <strong>
          <Title check={check} />
        </strong>
        <span class={`badge ${kinds[check.status]}`}>{check.status}</span>
      </p>
      <ul>
        {findingsOf(check).map(({ what, remedy, place }) => (
          <li key={what}>
            {capital(what)}.{' '}
            <span class="remedy">
              → {place === undefined ? capital(remedy) : <a href={place}>{capital(remedy)}</a>}.
            </span>
          </li>
        ))}
      </ul>
    </li>
  )
}

function Title({ check }: { readonly check: Check }) {
  const place = placeOf(check)
  return place === undefined ? titleOf(check) : <a href={place}>{titleOf(check)}</a>
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
