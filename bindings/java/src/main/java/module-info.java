// SPDX-License-Identifier: MIT

/** Review Board API tokens, by librbtoken. */
module rbtoken {
    requires com.sun.jna;

    exports rbtoken;
    // JNA calls the callbacks by reflection.
    opens rbtoken to com.sun.jna;
}
