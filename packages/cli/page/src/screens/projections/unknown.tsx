/** Says how the console gets to know projections. */

const example = `export { store } from './store.ts'
export { projections } from './projections.ts'`

const mostNamed = 10

export function Unknown({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null
  const more = names.length - mostNamed
  return (
    <details class="all">
      <summary>Rebuild and verify need the projections themselves</summary>
      <p>
        This console does not know the functions of {names.slice(0, mostNamed).join(', ')}
        {more > 0 && ` and ${more} more`}. Write a file <code>eventsourced.config.ts</code> that exports{' '}
        <code>store</code> and <code>projections</code>, and start the console in its folder, or with{' '}
        <code>--config</code>. In a server of your own, pass them to <code>console</code> as{' '}
        <code>projections</code>.
      </p>
      <pre class="json">{example}</pre>
    </details>
  )
}
