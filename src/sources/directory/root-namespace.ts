/** The root namespace's name. */

/** The namespace of mesh-wide policies unless said otherwise. */
export const defaultRootNamespace = 'skerry-system';
