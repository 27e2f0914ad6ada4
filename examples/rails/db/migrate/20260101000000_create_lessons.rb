# frozen_string_literal: true

class CreateLessons < ActiveRecord::Migration[6.1]
  def change
    create_table :bookings, id: :string do |t|
      t.string :student_id, null: false
      t.string :tutor_id, null: false
      t.datetime :starts_at, null: false
      t.string :status, null: false, default: "requested"
    end
    create_table :calls, id: :string do |t|
      t.references :booking, type: :string, null: false, foreign_key: true
      t.integer :seconds, null: false
    end
    create_table :processed_events, id: :string
  end
end
