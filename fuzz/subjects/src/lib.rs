//! Analysers under test behind one trait: ours and third parties'.
