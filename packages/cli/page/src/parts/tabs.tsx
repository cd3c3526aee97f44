/** Links between views of one screen, such as orders of a list. */
interface TabsProps {
  /** Names the group for screen readers. */
  readonly label: string
  readonly tabs: readonly { readonly title: string; readonly href: string; readonly isPresent: boolean }[]
}

export function Tabs({ label, tabs }: TabsProps) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ title, href, isPresent }) => (
        <a key={title} href={href} aria-current={isPresent ? 'page' : undefined}>
          {title}
        </a>
      ))}
    </nav>
  )
}
