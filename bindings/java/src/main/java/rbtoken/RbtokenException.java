// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Optional;

/**
 * A call that failed. It has changed nothing, unless its documentation says otherwise.
 *
 * <p>The subclasses are the kinds of failures. The message names the argument at fault and the
 * place in its JSON document, and never contains a token's value.
 */
public class RbtokenException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** What the library says about a failure. */
    record Details(int status, String message, String argument, String jsonPath) {}

    /** The status. */
    private final int statusCode;
    /** The argument at fault, or null. */
    private final String argument;
    /** The place in its JSON document, or null. */
    private final String jsonPath;

    RbtokenException(Details details) {
        super(details.message());
        statusCode = details.status();
        argument = details.argument();
        jsonPath = details.jsonPath();
    }

    /**
     * Returns what went wrong.
     *
     * @return the status
     */
    public final Status status() {
        return Status.of(statusCode);
    }

    /**
     * Returns the number of the status, which a later version of the library may have added.
     *
     * @return the number
     */
    public final int statusCode() {
        return statusCode;
    }

    /**
     * Returns the name of the status in the C API, such as {@code RBTOKEN_E_NOT_FOUND}.
     *
     * @return the name
     */
    public final String statusName() {
        return LibraryFile.text(Abi.rbtoken_status_name(statusCode));
    }

    /**
     * Returns the parameter or option at fault, in the spelling of the C API without its units,
     * such as {@code default_policy} or {@code expires}.
     *
     * @return the name, if an argument is at fault
     */
    public final Optional<String> argument() {
        return Optional.ofNullable(argument);
    }

    /**
     * Returns the place in a JSON document that is at fault, such as
     * {@code $.resources["*"].allow}.
     *
     * @return the JSON path, if a place in a document is at fault
     */
    public final Optional<String> jsonPath() {
        return Optional.ofNullable(jsonPath);
    }

    /** Returns the exception for a status. */
    static RbtokenException of(int status, String message, String argument, String jsonPath) {
        Details details = new Details(status, message, withoutUnit(argument), jsonPath);
        return switch (Status.of(status)) {
            case NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, EMBEDDED_NUL, TOO_LONG, STRUCT_SIZE,
                    UNSUPPORTED_OPTION, TIME_RANGE -> new InvalidArgumentException(details);
            case JSON_SYNTAX, JSON_TYPE, JSON_TOO_DEEP, JSON_NUMBER ->
                    new InvalidDocumentException(details);
            case POLICY -> new InvalidPolicyException(details);
            case NOT_FOUND -> new NotFoundException(details);
            case EXISTS -> new ExistsException(details);
            case STATE -> new InvalidStateException(details);
            case UNSUPPORTED -> new UnsupportedException(details);
            case FORKED -> new ForkedException(details);
            case POISONED -> new PoisonedException(details);
            case GENERATION -> new GenerationException(details);
            case CALLBACK -> new CallbackException(details);
            case LOCKED -> new LockedException(details);
            case IO -> new InputOutputException(details);
            case CORRUPT -> new CorruptException(details);
            case VERSION -> new IncompatibleVersionException(details);
            case DATABASE -> new DatabaseException(details);
            case TIMEOUT -> new TimeoutException(details);
            case NO_MEMORY -> new NoMemoryException(details);
            case INTERNAL -> new InternalException(details);
            case OK, OTHER -> new RbtokenException(details);
        };
    }

    /** Removes the unit from the name of a field. */
    private static String withoutUnit(String field) {
        if (field != null) {
            for (String unit : new String[] {"_at_us", "_us", "_secs"}) {
                if (field.endsWith(unit)) {
                    return field.substring(0, field.length() - unit.length());
                }
            }
        }
        return field;
    }
}
