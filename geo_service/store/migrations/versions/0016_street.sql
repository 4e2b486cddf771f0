-- What the street may know: who may be named in public, and what was printed on sign boards.

CREATE TABLE public_contact (
    responder_id INTEGER NOT NULL,
    phone TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_public_contact PRIMARY KEY (responder_id),
    CONSTRAINT fk_public_contact_responder_id_responder FOREIGN KEY(responder_id) REFERENCES responder (id) ON DELETE CASCADE,
    CONSTRAINT ck_public_contact_phone_is_short CHECK (length(phone) <= 40)
);

ALTER TABLE sign_board ADD COLUMN printed_mark BYTEA;
