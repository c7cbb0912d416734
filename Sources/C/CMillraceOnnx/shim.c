// Header-only shim; see include/.
