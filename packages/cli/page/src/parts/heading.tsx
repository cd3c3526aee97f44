/** The title of a screen, with its controls beside it. */
import type { ComponentChildren } from 'preact'

export function Heading({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ComponentChildren
}) {
  return (
    <div class="heading">
      <h1>{title}</h1>
      {children}
    </div>
  )
}
